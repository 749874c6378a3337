"""Images, videos, gaze and prompts for the model: reading, transforming, reading ahead."""
