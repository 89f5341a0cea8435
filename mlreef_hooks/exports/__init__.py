"""What the index says, in the words of other programs; a file for each."""
