"""What Kibana gets: data views, dashboards, saved searches and rules, all made from code."""
