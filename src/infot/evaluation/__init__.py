"""What is measured of a trained model: the protocol of its data, what a report shows, and the judges of pictures."""

from infot.evaluation.evaluation import Evaluation, evaluate, write

__all__ = ["Evaluation", "evaluate", "write"]
