"""The one API client of every component: typed calls, transports, informers, workqueue, cause of a write."""
