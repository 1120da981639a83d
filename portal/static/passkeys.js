// Asks the browser for a passkey and sends the answer back (W3C Web Authentication level 3,
// sections 5.1.8 and 5.1.9: options and answers as JSON).
(async () => {
  "use strict";
  const form = document.querySelector("[data-passkey]");
  if (!form) return;
  const options = JSON.parse(form.dataset.options);
  try {
    const key =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({
            publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
          })
        : await navigator.credentials.get({
            publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
          });
    const answer = { ...key.toJSON(), extensions: JSON.stringify(key.getClientExtensionResults()) };
    form.querySelector("[name=credential]").value = JSON.stringify(answer);
    form.submit();
  } catch {
    form.querySelector("[role=status]").textContent = form.dataset.failed;
  }
})();
