"""What every scenario is played with: servers, clients, samples over time, charts and pages."""
