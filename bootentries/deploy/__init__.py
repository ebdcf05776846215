"""Making a deployment from a commit: its tree, /etc, /var, origin and what else belongs to it.

`make_deployment` does what can be done at any time, `finish_deployment` what has to wait
until the deployment becomes active (the merge of /etc above all), and `deploy_commit` does
both and writes the list.
"""
