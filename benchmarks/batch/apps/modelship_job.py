"""modelship, with small pieces: ``BUNDLE INPUT OUTPUT WORKERS PIECE_BYTES``."""

import sys

import modelship as ms
from modelship.batch.batch_plan import BatchOptions

if __name__ == "__main__":
    bundle, source, output, workers, piece_bytes = sys.argv[1:]
    options = BatchOptions(piece_bytes=int(piece_bytes))
    print(ms.BatchJob(bundle, source, output, options=options, workers=int(workers)).run())
