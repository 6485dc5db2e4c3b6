"""What is done with one sequence: generators that ask for models' answers and hold no model themselves."""
