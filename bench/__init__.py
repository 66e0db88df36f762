"""How fast bykilt's engines are beside raw CDP, Playwright, pydoll and Selenium: ratios measured in one run."""
