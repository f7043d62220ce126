"use strict";
(() => {
  const box = document.getElementById("busy"), step = document.getElementById("step");
  const look = async () => {
    try {
      const answer = await fetch(box.dataset.url, { credentials: "same-origin" });
      const told = await answer.json();
      if (told.done || !answer.ok) return location.reload();
      step.textContent = told.waiting ? `It waits for another answer, ${told.seconds} s.`
        : `${told.seconds} s` + (told.step ? `, ${told.steps} steps, the last: ${told.step}` : "");
    } catch {
      step.textContent = "crashdrive serve doesn't answer: has it ended?";
    }
    setTimeout(look, 700);
  };
  setTimeout(look, 500);
})();
