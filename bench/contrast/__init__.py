"""From stored runs to judged cells: within a run against a reference, or one run against another."""
