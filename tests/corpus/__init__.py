"""Models to judge: hostile ones, benign ones, and what benign ones name."""
