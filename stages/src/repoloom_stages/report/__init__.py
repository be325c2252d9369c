"""From samples' summaries to what a dataset's report and a model's share: figures, drawings, pages."""
