"""Labels where nobody labelled: clusters cut into tiers, and the files that people edit."""
