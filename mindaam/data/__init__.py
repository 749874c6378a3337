"""Images, gaze and sentences on their way to the model: reading, transforming, reading ahead."""
