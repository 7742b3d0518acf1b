// What the page does by itself: gather what is typed, and show markup.
(function () {
  "use strict";
  // A page that is loaded again finds its warm processes. Its wishes are numbered by the clock.
  const page = sessionStorage.getItem("page") || crypto.randomUUID();
  sessionStorage.setItem("page", page);
  let serial = 0;
  const none = () => window.dash_clientside.no_update;

  function triggered(start) {
    return window.dash_clientside.callback_context.triggered.some((t) => t.prop_id.startsWith(start));
  }

  function nameSliders() {
    document.querySelectorAll(".variable").forEach(function (row) {
      const thumb = row.querySelector("[role=slider]");
      if (thumb) thumb.setAttribute("aria-label", row.querySelector("label").textContent + " by slider");
    });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explore: {
      // A number field and its slider show the same value.
      couple: function (number, slider, reach) {
        if (triggered('{"name"') && window.dash_clientside.callback_context.triggered[0].prop_id.includes("slider")) {
          return [slider, none()];
        }
        if (typeof number !== "number") return [none(), none()];
        return [none(), Math.min(Math.max(number, -reach), reach)];
      },
      // Wishes are numbered, so that a late one never wins over a newer one.
      wish: function (text, values, along, order, again, opened, ids) {
        if (!opened) return none();
        const fresh = triggered("opened.");
        const point = {};
        ids.forEach((id, k) => { point[id.name] = values[k] === undefined ? null : values[k]; });
        serial = Math.max(serial + 1, Date.now());
        return {
          page: page, serial: serial, text: text || "", order: order, fresh: fresh,
          point: fresh ? opened.point : point,
          along: fresh ? opened.along : (along[0] || ""),
        };
      },
      // The server's drawings are put in as they are: it has escaped their text, and the page's
      // content security policy runs no script in them.
      mark: function (markup, message) {
        Object.entries(markup || {}).forEach(function ([name, text]) {
          const place = document.getElementById(name + "-markup");
          if (place && place.dataset.shown !== text) {
            place.innerHTML = text;
            place.dataset.shown = text;
            place.hidden = !text;
          }
        });
        requestAnimationFrame(nameSliders);
        const field = document.getElementById("function");
        if (field) {
          field.setAttribute("aria-invalid", String(Boolean(message && message.length)));
          field.setAttribute("aria-describedby", "message");
        }
        document.getElementById("results").classList.toggle("stale", Boolean(message && message.length));
        return none();
      },
      // The address leads back to what is shown.
      place: function (job) {
        if (job && job.address) history.replaceState(history.state, "", job.address);
        return none();
      },
    },
  });
})();
