"""What somebody does who wants the mark gone."""
