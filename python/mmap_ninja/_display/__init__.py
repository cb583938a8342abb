"""What people see of datasets: one-line text, thumbnails and notebook HTML. Nothing here loads with the package."""
