"""The ablations of the AAM paper (Figure 5): rows as data, runs that resume, tables over seeds."""
