/* Clockwork: play at so many tokens a second, one token, and on to the next write of the chosen level. */

import { say } from "./base.js";
import { button } from "./controls.js";

const PAUSE = 900; // ms between two jumps where motion is to be reduced

/* `next` gives the token at which the chosen level is written next, or null. */
export function tokenPlayer(view, { last, next }) {
  let frame = 0;
  let timer = 0;
  const stop = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = 0;
    say(play, "▶ play");
  };
  const go = (token) => view.change({ token: Math.max(0, Math.min(last, token)) });
  const run = () => {
    let began = performance.now();
    let from = view.state.token;
    let speed = view.state.speed;
    const tick = () => {
      if (speed !== view.state.speed) [began, from, speed] = [performance.now(), view.state.token, view.state.speed];
      const token = Math.min(last, from + Math.floor(((performance.now() - began) / 1000) * speed));
      if (token !== view.state.token) go(token);
      if (token >= last) return stop();
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  };
  const jump = () => {
    go(next() ?? last);
    if (view.state.token >= last) return stop();
    timer = setTimeout(jump, PAUSE);
  };
  const start = () => {
    if (frame || timer) return stop();
    say(play, "❚❚ pause");
    if (view.state.token >= last) go(0);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setTimeout(jump, PAUSE);
    else run();
  };
  const play = button("▶ play", start);
  const back = button("◀ token", () => (stop(), go(view.state.token - 1)));
  const forth = button("token ▶", () => (stop(), go(view.state.token + 1)));
  const write = button("its next write ▶", () => (stop(), go(next() ?? last)));
  back.setAttribute("aria-label", "one token back");
  forth.setAttribute("aria-label", "one token on");
  view.syncs.push(() => {
    const name = `to the next write of ${view.state.level}`;
    write.setAttribute("aria-label", name);
    write.title = name;
  });
  view.ends.push(stop);
  return { buttons: [play, back, forth, write], stop };
}
