"""Trained runs, side by side, for people: tables, figures, and pages that open without a network."""

from undersong.report.compare import compare

__all__ = ["compare"]
