"""Clusters of a VAE's codes by K-means, beside the corpus's classes: what a mixture is compared with.

    min over centres of sum_n |mean of q(z|x_n) - centre of its cluster|^2    (Lloyd's algorithm, scikit-learn)

The centres are found on training sentences and the judged ones are put to the nearest. Knows nothing of decoders.
"""

import numpy as np
from sklearn.cluster import KMeans

from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures.clustering import agreement
from undersong.settings import lowest_bits, need


class CodeClusters(Measure):
    """K-means on posterior means: many-to-one, one-to-one, V-measure, NMI against the classes.

    Args:
        clusters: K; None for as many as the corpus has classes.
        sentences: of the training split that the centres are found on; None for all.
        starts: K-means is run so often from different centres, and its best kept.
    """

    name = "code_clusters"

    def __init__(self, clusters: int | None = None, sentences: int | None = 20_000, starts: int = 10):
        need(1, clusters=clusters, sentences=sentences, starts=starts)
        self.clusters, self.sentences, self.starts = clusters, sentences, starts

    def __call__(self, subject: Subject) -> Figures:
        """``cluster_many_to_one``, ``cluster_one_to_one``, ``cluster_v_measure``, ``cluster_nmi``, as a mixture has."""
        subject.need_latent()
        classes = subject.need_labels()
        train = subject.corpus.train
        rows = subject.choose(len(train), self.sentences)
        count = self.clusters or classes
        if len(rows) < count:
            raise NotApplicable(f"{len(rows)} training sentences make no {count} clusters")
        means = KMeans(count, n_init=self.starts, random_state=lowest_bits(subject.seed, 32))
        means.fit(subject.codes(train, rows).cpu().double().numpy())
        assert subject.split.labels is not None
        known = subject.split.labels[subject.rows]
        found = means.predict(subject.means.cpu().double().numpy())
        there = np.flatnonzero(known >= 0)
        return {f"cluster_{name}": value for name, value in agreement(known[there], found[there]).items()}
