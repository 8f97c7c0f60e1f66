"""The daemon: it joins the telephone, SMS and speech into actions that reach people, and callers to their desk."""
