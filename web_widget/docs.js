// Starts Swagger UI on /docs; a file of its own because the page allows no inline script.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger", deepLinking: true });
