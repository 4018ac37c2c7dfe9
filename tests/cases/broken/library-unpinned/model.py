from cases.models import write_classifier as write
