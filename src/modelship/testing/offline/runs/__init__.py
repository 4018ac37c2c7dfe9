"""The training half of an offline workspace: experiments, runs, and the computes they run on."""
