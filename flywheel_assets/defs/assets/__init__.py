"""The assets of the graph, a module a group. A body reads, calls the domain, writes, and says what it did."""
