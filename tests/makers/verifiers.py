"""The verifiers that nobody trained, by name; ``drive`` answers by them."""

from chatdesc.verification.raw_similarity import raw_similarity
from chatdesc.verification.references import oracle, random_choice
from chatdesc.verification.similarity import similarity

VERIFIERS = {"similarity": similarity, "raw-similarity": raw_similarity, "random": random_choice, "oracle": oracle}
