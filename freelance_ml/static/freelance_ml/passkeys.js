// Says what went wrong with a passkey; allauth's script only raises an event.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const name = event.detail.exception?.name;
  const words = {
    NotAllowedError: "The passkey was not used: the browser's window was closed, or it took too long. Try again, or sign in with your password.",
    InvalidStateError: "This key is registered already. Use another one.",
    NotSupportedError: "This browser or device cannot use passkeys. Use an authenticator app instead.",
    SecurityError: "Passkeys need https, or the address http://localhost. Open the site under one of these.",
  };
  const main = document.querySelector("main .sheet") || document.querySelector("main");
  let place = document.getElementById("passkey-error");
  if (!place) {
    place = document.createElement("div");
    place.id = "passkey-error";
    place.className = "form-summary";
    place.setAttribute("role", "alert");
    main.querySelector("h1").after(place);
  }
  place.textContent = words[name] || "The passkey could not be used. Try again, or use another way.";
});
