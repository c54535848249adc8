// Starts Swagger UI on this service's document; a file of its own, since the page runs no script that is in it.
"use strict";

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // else it would ask a server elsewhere what it thinks of the document
});
