"""The exercises: a lesson is lesson_NN, with TITLE, EXERCISES and QUESTIONS; long ones have a file for each part."""
