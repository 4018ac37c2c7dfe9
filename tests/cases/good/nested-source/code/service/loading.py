import os
import pickle


def load_weights(folder):
    with open(os.path.join(folder, "weights.pkl"), "rb") as file:
        return pickle.load(file)
