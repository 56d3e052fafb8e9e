"""Names of the third storey's kinds of work, as the front desk asks for them and the registry knows them."""

READ_DATASET = "read-dataset"
AUDIT_DATASET = "audit-dataset"
DRAW_ROWS = "draw-acceptance-rows"
TRAIN = "train-models"
EVALUATE = "evaluate"
SWEEP_UPLOADS = "sweep-uploads"
