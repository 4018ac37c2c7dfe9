"""Training in an offline workspace: experiments, runs, and compute targets."""
