"""What the pages of services share: colours and controls, elements, charts, and how their files are answered."""
