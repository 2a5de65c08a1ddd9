"""What pages are made of: charts, tables, numbers, the shell of a page, its files. Independent of any system."""
