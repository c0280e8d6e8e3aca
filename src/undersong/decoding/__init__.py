"""Using a trained model on one's own sentences: search, and what goes through the latent vector."""

from undersong.decoding.annotating import parse, read_words, tag
from undersong.decoding.beam import Beam
from undersong.decoding.clustering import Assigned, Cluster, cluster, describe_clusters
from undersong.decoding.generating import Interpolation, Sentence, interpolate, interpolate_all, sample
from undersong.decoding.greedy import Greedy
from undersong.decoding.latent import Trained, encode
from undersong.decoding.rewriting import Rewriting, impute, reconstruct
from undersong.decoding.sampling import Sample
from undersong.decoding.search import Hypothesis, Search

__all__ = [
    "Assigned",
    "Beam",
    "Cluster",
    "Greedy",
    "Hypothesis",
    "Interpolation",
    "Rewriting",
    "Sample",
    "Search",
    "Sentence",
    "Trained",
    "cluster",
    "describe_clusters",
    "encode",
    "impute",
    "interpolate",
    "interpolate_all",
    "parse",
    "read_words",
    "reconstruct",
    "sample",
    "tag",
]
