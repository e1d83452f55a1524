"""What each command of the command line does; ``arguments`` says what it takes."""
