"""Named texts of sequences, from any source: what tables compare, and what brings texts into the loop."""
