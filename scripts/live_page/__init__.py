"""The live page in a headless Chromium: pictures of it, and what it complains of."""
