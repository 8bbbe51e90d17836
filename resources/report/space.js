// The views in space of a page: a drag turns one, the wheel zooms, arrow keys do the same, a slider cuts the paths
// at a depth. Each <div class="space"> holds its scene as JSON (core/session/page_scene.h says what is in it); the
// still picture after it stands there where no script runs.
(() => {
  "use strict";
  const rad = Math.PI / 180, eyeRatio = 1 / Math.tan(15 * rad), pxPerPoint = 96 / 72;
  const mostPieces = 40000;  // of lines whose colour changes along them: shorter pieces shade better, and cost more
  const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const mix = (a, x, b, y) => [0, 1, 2].map(i => x * a[i] + y * b[i]);

  // As cameraFrame() in core/figure/camera.h: the eye is on the negative second axis at azimuth and elevation 0.
  function frameOf(c) {
    const ca = Math.cos(c.azimuth * rad), sa = Math.sin(c.azimuth * rad);
    const ce = Math.cos(c.elevation * rad), se = Math.sin(c.elevation * rad);
    const cr = Math.cos(c.roll * rad), sr = Math.sin(c.roll * rad);
    const right = [ca, sa, 0], toEye = [sa * ce, -ca * ce, se];
    const up = [-sa * se, ca * se, ce];
    return {right: mix(right, cr, up, -sr), up: mix(right, sr, up, cr), toEye};
  }

  // All vertices of the scene, and the pieces of its lines and its markers, layer by layer.
  function geometryOf(scene) {
    const looks = [], layers = new Map();
    let vertices = 0;
    for (const set of [...scene.lines, ...scene.markers]) vertices += set.xyz.length / 3;
    const xyz = new Float32Array(3 * vertices);
    const longest = scene.lines.reduce((most, set) => set.counts.reduce((a, b) => Math.max(a, b), most), 0);
    const segments = scene.lines.reduce((n, set) => n + set.xyz.length / 3, 0);
    const mostCuts = clamp(Math.round(mostPieces / Math.max(1, segments)), 1, 8);
    let next = 0;
    const layerOf = set => {
      if (!layers.has(set.layer)) layers.set(set.layer, {pieces: [], dashed: []});
      return layers.get(set.layer);
    };
    const place = set => {
      const first = next;
      for (let i = 0; i < set.xyz.length; i++) xyz[3 * first + i] = scene.origin[i % 3] + scene.step * set.xyz[i];
      next += set.xyz.length / 3;
      return first;
    };
    const looksOf = (set, look) => {
      const first = looks.length;
      const opacity = Math.round(clamp(set.opacity ?? 1, 0, 1) * 255).toString(16).padStart(2, "0");
      for (const color of set.color ? [set.color] : [...scene.colors, scene.missing])
        looks.push({...look, color: color + opacity});
      return first;
    };
    const stepOf = (set, i) => set.values[i] < 0 ? scene.colors.length : set.values[i];
    for (const set of scene.lines) {
      const first = place(set), layer = layerOf(set);
      const look = looksOf(set, {width: set.width * pxPerPoint, opaque: (set.opacity ?? 1) >= 1});
      let at = 0;
      for (const count of set.counts) {
        const isWhole = count === longest && count > 2;  // through all depth: the slider cuts it
        if (set.dash) layer.dashed.push({first: first + at, count, look, dash: set.dash, isWhole});
        for (let k = 1; k < count && !set.dash; k++) {
          const a = at + k - 1, depth = isWhole ? k : 0;
          if (set.color) { layer.pieces.push([first + a, first + a + 1, 0, 1, look, depth]); continue; }
          const from = stepOf(set, a), to = stepOf(set, a + 1);
          const gap = from === scene.colors.length || to === scene.colors.length;
          const cuts = gap ? 1 : clamp(Math.abs(to - from), 1, mostCuts);
          for (let c = 0; c < cuts; c++) {
            const step = gap ? scene.colors.length : Math.round(from + (to - from) * (c + .5) / cuts);
            layer.pieces.push([first + a, first + a + 1, c / cuts, (c + 1) / cuts, look + step, depth]);
          }
        }
        at += count;
      }
    }
    for (const set of scene.markers) {
      const first = place(set), layer = layerOf(set);
      const look = looksOf(set, {shape: set.shape, width: set.size * pxPerPoint});
      const count = set.xyz.length / 3;
      for (let i = 0; i < count; i++)  // as many as a path has points: the dots along one
        layer.pieces.push([first + i, first + i, 0, 0, set.color ? look : look + stepOf(set, i),
                           count === longest ? i : 0]);
    }
    const sorted = [...layers.keys()].sort((a, b) => a - b).map(key => layers.get(key));
    return {xyz, count: vertices, looks, layers: sorted, longest};
  }

  function makeView(root) {
    const scene = JSON.parse(root.querySelector("script").textContent), title = root.dataset.title;
    const geometry = geometryOf(scene), {xyz, looks, layers, longest} = geometry;
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    if (!context) return;
    const screen = new Float32Array(3 * geometry.count);  // x and y in pixels, depth toward the eye
    let camera, frame, width = 1, height = 1, shown = longest, isMoving = false, waits = false, settle = 0;

    function project(p) {
      const o = mix(p, 1, camera.focal, -1), z = dot(o, frame.toEye), eye = camera.halfHeight * eyeRatio;
      const unit = height / 2 / camera.halfHeight * (camera.perspective ? eye / Math.max(eye - z, 1e-6 * eye) : 1);
      return [width / 2 + dot(o, frame.right) * unit, height / 2 - dot(o, frame.up) * unit, z];
    }
    function projectAll() {  // as project(), without an array for each vertex
      const {right: r, up: u, toEye: e} = frame, f = camera.focal;
      const eye = camera.halfHeight * eyeRatio, scale = height / 2 / camera.halfHeight;
      for (let v = 0; v < xyz.length; v += 3) {
        const x = xyz[v] - f[0], y = xyz[v + 1] - f[1], z = xyz[v + 2] - f[2];
        const depth = x * e[0] + y * e[1] + z * e[2];
        const unit = camera.perspective ? scale * eye / Math.max(eye - depth, 1e-6 * eye) : scale;
        screen[v] = width / 2 + (x * r[0] + y * r[1] + z * r[2]) * unit;
        screen[v + 1] = height / 2 - (x * u[0] + y * u[1] + z * u[2]) * unit;
        screen[v + 2] = depth;
      }
    }
    const corner = side => side.map((s, i) => s ? scene.axes[i].high : scene.axes[i].low);
    const corners = () => [0, 1, 2, 3, 4, 5, 6, 7].map(c => corner([c & 1, c >> 1 & 1, c >> 2 & 1]));

    // As it was when the page was made; where that is the whole box, with room for the labels.
    function goHome() {
      camera = structuredClone(scene.camera);
      frame = frameOf(camera);
      camera.halfHeight *= Math.max(1, scene.aspect / (width / height));
      const reach = () => Math.max(...corners().map(c => {
        const [x, y] = project(c);
        return Math.max(Math.abs(x - width / 2) / Math.max(40, width / 2 - 70),
                        Math.abs(y - height / 2) / Math.max(40, height / 2 - 48));
      }));
      const seen = corners().every(c => Math.abs(project(c)[1] - height / 2) <= 1.02 * height / 2);
      for (let i = 0; i < 4 && (scene.camera.fit || seen); i++)
        camera.halfHeight *= scene.camera.fit ? reach() : Math.max(1, reach());
      draw();
    }

    function line(points, color, thick) {
      context.beginPath();
      points.forEach(([x, y], i) => i ? context.lineTo(x, y) : context.moveTo(x, y));
      context.strokeStyle = color;
      context.lineWidth = thick;
      context.stroke();
    }

    // Whether each side of each axis' box is turned to the eye.
    function facing() {
      const middle = scene.axes.map(a => (a.low + a.high) / 2), eye = camera.halfHeight * eyeRatio;
      return [0, 1, 2].map(i => [0, 1].map(side => {
        const face = [...middle];
        face[i] = side ? scene.axes[i].high : scene.axes[i].low;
        const sight = camera.perspective ? mix(mix(camera.focal, 1, frame.toEye, eye), 1, face, -1) : frame.toEye;
        return (side ? sight[i] : -sight[i]) > 1e-6;
      }));
    }

    function drawWalls(front) {
      for (let i = 0; i < 3; i++) {
        if (front[i][0] === front[i][1]) continue;
        const j = (i + 1) % 3, k = (i + 2) % 3;
        const at = (a, b) => { const s = [0, 0, 0]; s[i] = front[i][1] ? 0 : 1; s[j] = a; s[k] = b; return corner(s); };
        for (const along of [j, k])
          for (const [value] of scene.axes[along].ticks) {
            const from = at(0, 0), to = at(1, 1);
            from[along] = to[along] = value;
            line([project(from), project(to)], scene.theme.grid, .7);
          }
        line([at(0, 0), at(1, 0), at(1, 1), at(0, 1), at(0, 0)].map(project), scene.theme.muted + "99", .7);
      }
    }

    // The edge of the box that carries the labels of an axis: of those on its outline the lower one, or the left one.
    function labelledEdge(i, front) {
      const j = (i + 1) % 3, k = (i + 2) % 3;
      let best = null;
      for (const [a, b] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        if (front[j][a] === front[k][b]) continue;
        const side = [0, 0, 0];
        side[j] = a; side[k] = b;
        const from = corner(side), to = [...from];
        to[i] = scene.axes[i].high;
        const p = project(from), q = project(to);
        const stands = Math.abs(q[1] - p[1]) > 1.5 * Math.abs(q[0] - p[0]);
        const score = stands ? -(p[0] + q[0]) : p[1] + q[1];
        if (!best || score > best.score + 1e-6) best = {from, p, q, score};
      }
      return best;
    }

    const taken = [];  // rectangles of labels
    function isFree(box) {
      return taken.every(o => box[2] < o[0] || box[0] > o[2] || box[3] < o[1] || box[1] > o[3]);
    }

    function drawAxis(i, front) {
      const axis = scene.axes[i], edge = labelledEdge(i, front);
      if (!edge) return;
      const {p, q} = edge, length = Math.hypot(q[0] - p[0], q[1] - p[1]);
      line([p, q], scene.theme.axes[i], 1.3);
      if (length < 24) return;
      const middle = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
      const centre = project(scene.axes.map(a => (a.low + a.high) / 2));
      let out = [-(q[1] - p[1]) / length, (q[0] - p[0]) / length];
      if ((middle[0] - centre[0]) * out[0] + (middle[1] - centre[1]) * out[1] < 0) out = [-out[0], -out[1]];
      let reached = 5;
      context.font = "12px system-ui,sans-serif";
      for (const [value, label] of axis.ticks) {
        const at = [...edge.from];
        at[i] = value;
        const s = project(at), w = context.measureText(label).width;
        const far = 8 + Math.abs(out[0]) * w / 2 + Math.abs(out[1]) * 5;
        const x = s[0] + out[0] * far, y = s[1] + out[1] * far;
        const box = [x - w / 2 - 3, y - 7, x + w / 2 + 3, y + 7];
        const labelled = label !== "" && isFree(box);
        line([s, [s[0] + out[0] * (labelled ? 5 : 3), s[1] + out[1] * (labelled ? 5 : 3)]], scene.theme.ink, .8);
        if (!labelled) continue;
        taken.push(box);
        context.fillStyle = scene.theme.ink;
        context.fillText(label, x, y);
        reached = Math.max(reached, far + Math.abs(out[0]) * w / 2 + Math.abs(out[1]) * 6);
      }
      drawTitle(axis.title, scene.theme.axes[i], {p, q, length, middle, out, reached});
    }

    function drawTitle(text, color, {p, q, length, middle, out, reached}) {
      let angle = Math.atan2(q[1] - p[1], q[0] - p[0]);  // read from the left, and from below where it stands
      if (angle > Math.PI / 3) angle -= Math.PI;
      if (angle <= -2 * Math.PI / 3) angle += Math.PI;
      context.font = "600 12.5px system-ui,sans-serif";
      const cut = text.indexOf(" (");
      const rows = cut > 0 && context.measureText(text).width > 1.1 * length
        ? [text.slice(0, cut), text.slice(cut + 1)] : [text];
      // The first row is the nearer to the box where the text is below it.
      if (-Math.sin(angle) * out[0] + Math.cos(angle) * out[1] < 0) rows.reverse();
      context.fillStyle = color;
      rows.forEach((row, n) => {
        const far = reached + 10 + 15 * n;
        context.save();
        context.translate(middle[0] + out[0] * far, middle[1] + out[1] * far);
        context.rotate(angle);
        context.fillText(row, 0, 0);
        context.restore();
      });
    }

    function drawMarker(look, x, y) {
      const r = look.width / 2;
      context.beginPath();
      if (look.shape === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
      else if (look.shape === "diamond") {
        context.moveTo(x, y - r); context.lineTo(x + r, y); context.lineTo(x, y + r); context.lineTo(x - r, y);
        context.closePath();
      } else context.arc(x, y, r, 0, 2 * Math.PI);
      if (look.shape === "ring") { context.lineWidth = Math.max(1, r / 3); context.strokeStyle = look.color; context.stroke(); }
      else { context.fillStyle = look.color; context.fill(); }
    }

    // Back to front in slices of equal depth, within which pieces of one look are one path.
    function drawPieces(pieces) {
      const slices = isMoving && pieces.length > 6000 ? 12 : 96;
      let low = Infinity, high = -Infinity;
      const seen = pieces.filter(([a, b, , , , depth]) =>
        depth < shown && Number.isFinite(screen[3 * a]) && Number.isFinite(screen[3 * b]));
      const depths = seen.map(([a, b]) => {
        const z = (screen[3 * a + 2] + screen[3 * b + 2]) / 2;
        low = Math.min(low, z); high = Math.max(high, z);
        return z;
      });
      const keys = depths.map(z =>
        clamp(Math.floor((z - low) / Math.max(high - low, 1e-30) * slices), 0, slices - 1));
      const count = slices * looks.length, ends = new Uint32Array(count + 1);
      seen.forEach((piece, n) => { keys[n] = keys[n] * looks.length + piece[4]; ends[keys[n] + 1]++; });
      for (let k = 0; k < count; k++) ends[k + 1] += ends[k];
      const starts = ends.slice(), order = new Uint32Array(seen.length);
      seen.forEach((piece, n) => { order[starts[keys[n]]++] = n; });
      for (let k = 0; k < count; k++) if (ends[k] < ends[k + 1]) drawRun(seen, order, ends[k], ends[k + 1]);
    }

    function drawRun(pieces, order, from, to) {
      const look = looks[pieces[order[from]][4]];
      if (look.shape) {
        for (let n = from; n < to; n++) { const a = pieces[order[n]][0]; drawMarker(look, screen[3 * a], screen[3 * a + 1]); }
        return;
      }
      context.beginPath();
      let x = NaN, y = NaN;
      for (let n = from; n < to; n++) {
        const [a, b, t0, t1] = pieces[order[n]];
        const ax = screen[3 * a], ay = screen[3 * a + 1], dx = screen[3 * b] - ax, dy = screen[3 * b + 1] - ay;
        if (ax + t0 * dx !== x || ay + t0 * dy !== y) context.moveTo(ax + t0 * dx, ay + t0 * dy);
        x = ax + t1 * dx; y = ay + t1 * dy;
        context.lineTo(x, y);
      }
      context.lineCap = look.opaque ? "round" : "butt";
      context.lineWidth = look.width;
      context.strokeStyle = look.color;
      context.stroke();
    }

    function drawDashed({first, count, look, dash, isWhole}) {
      const points = [];
      for (let v = first; v < first + (isWhole ? Math.min(count, shown) : count); v++)
        points.push([screen[3 * v], screen[3 * v + 1]]);
      context.setLineDash(dash.map(d => d * pxPerPoint));
      line(points, looks[look].color, looks[look].width);
      context.setLineDash([]);
    }

    function drawNow() {
      waits = false;
      frame = frameOf(camera);
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.fillStyle = scene.theme.background;
      context.fillRect(0, 0, width, height);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineJoin = "round";
      taken.length = 0;
      const front = facing();
      drawWalls(front);
      for (let i = 0; i < 3; i++) drawAxis(i, front);
      projectAll();
      for (const layer of layers) {
        drawPieces(layer.pieces);
        layer.dashed.forEach(drawDashed);
      }
      root.dataset.camera = [camera.azimuth, camera.elevation, camera.halfHeight].map(x => +x.toPrecision(6)).join(" ");
      root.dataset.shown = shown;
    }
    function draw() {
      if (!waits) requestAnimationFrame(drawNow);
      waits = true;
    }
    // While it moves, fewer slices; once it rests, all of them.
    function move() {
      isMoving = true;
      clearTimeout(settle);
      settle = setTimeout(() => { isMoving = false; draw(); }, 150);
      draw();
    }

    function turn(dx, dy) {
      camera.azimuth = (camera.azimuth - dx) % 360;
      camera.elevation = clamp(camera.elevation + dy, -90, 90);
      move();
    }
    function pan(dx, dy) {
      const unit = camera.halfHeight / (height / 2);
      camera.focal = mix(camera.focal, 1, mix(frame.right, -dx, frame.up, dy), unit);
      move();
    }
    // By `factor` about a place of the canvas, which stays where it is.
    function zoom(factor, x = width / 2, y = height / 2) {
      const next = clamp(camera.halfHeight * factor, 1e-4 * scene.camera.halfHeight, 1e3 * scene.camera.halfHeight);
      const by = 1 - next / camera.halfHeight;
      pan(-(x - width / 2) * by, -(y - height / 2) * by);
      camera.halfHeight = next;
    }

    const fingers = new Map();
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture?.(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      canvas.focus({preventScroll: true});
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", event => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY], dx = now[0] - before[0], dy = now[1] - before[1];
      if (fingers.size === 1) {
        if (event.shiftKey || (event.buttons & 6)) pan(dx, dy);
        else turn(dx * 180 / height, dy * 180 / height);
      } else if (fingers.size === 2) {
        const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)[1];
        const apart = p => Math.max(10, Math.hypot(p[0] - other[0], p[1] - other[1]));
        const place = canvas.getBoundingClientRect();
        pan(dx / 2, dy / 2);
        zoom(apart(before) / apart(now), (now[0] + other[0]) / 2 - place.left, (now[1] + other[1]) / 2 - place.top);
      }
      fingers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, event => fingers.delete(event.pointerId));
    canvas.addEventListener("wheel", event => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? height : 1;
      zoom(Math.exp(clamp(event.deltaY * lines, -300, 300) * .0015), event.offsetX, event.offsetY);
    }, {passive: false});
    canvas.addEventListener("contextmenu", event => event.preventDefault());
    canvas.addEventListener("dblclick", goHome);
    canvas.addEventListener("keydown", event => {
      const go = event.shiftKey ? pan : (dx, dy) => turn(dx / 4, dy / 4), step = 20;
      const keys = {
        ArrowLeft: () => go(-step, 0), ArrowRight: () => go(step, 0), ArrowUp: () => go(0, -step),
        ArrowDown: () => go(0, step), "+": () => zoom(1 / 1.2), "=": () => zoom(1 / 1.2), "-": () => zoom(1.2),
        Home: goHome, "0": goHome
      };
      if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
      keys[event.key]();
      event.preventDefault();
    });

    function element(name, text, className) {
      const made = document.createElement(name);
      if (text) made.textContent = text;
      if (className) made.className = className;
      return made;
    }
    function addBar() {
      const bar = element("div", "", "bar"), reset = element("button", "Reset the view");
      reset.type = "button";
      reset.addEventListener("click", goHome);
      bar.append(reset);
      if (longest > 2) {
        const label = element("label", "Depth "), slider = element("input"), output = element("output");
        Object.assign(slider, {type: "range", min: 1, max: longest, value: longest});
        const say = () => {
          const name = scene.points.length === longest ? scene.points[shown - 1] : `point ${shown} of ${longest}`;
          output.textContent = "to " + name;
          slider.setAttribute("aria-valuetext", output.textContent);
        };
        slider.addEventListener("input", () => { shown = +slider.value; say(); draw(); });
        say();
        label.append(slider, output);
        bar.append(label);
      }
      bar.append(element("span", "Drag or arrow keys: turn. Wheel, + and −: zoom. Shift and drag: move."));
      return bar;
    }
    function addLegend() {
      const list = element("ul"), add = (set, swatch) => {
        const item = element("li");
        item.append(swatch, element("span", set.name));
        list.append(item);
      };
      for (const set of scene.lines) {
        if (!set.name) continue;
        const swatch = element("i", "", set.color ? "" : "shaded");
        if (set.color) swatch.style.borderTopColor = set.color;
        else swatch.style.background = `linear-gradient(to right,${scene.colors.join(",")})`;
        if (set.dash) swatch.style.borderTopStyle = "dashed";
        add(set, swatch);
      }
      for (const set of scene.markers) {
        if (!set.name || !set.color) continue;
        const swatch = element("i", "", set.shape === "ring" ? "ring" : "disc");
        swatch.style[set.shape === "ring" ? "borderColor" : "background"] = set.color;
        add(set, swatch);
      }
      return list;
    }
    function addScale() {
      const scale = element("div", "", "scale"), bar = element("div"), ticks = element("p");
      bar.style.background = `linear-gradient(to right,${scene.colors.join(",")})`;
      for (const [share, label] of scene.scale.ticks) {
        const tick = element("span", label, share > .97 ? "end" : "");
        tick.style.left = 100 * share + "%";
        ticks.append(tick);
      }
      scale.append(element("span", scene.scale.title), bar, ticks);
      return scale;
    }

    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${title} in three dimensions, along ${scene.axes.map(a => a.title).join(", ")}. ` +
      "Arrow keys turn it, plus and minus zoom, Home resets the view.");
    root.append(canvas, addBar());
    if (scene.scale) root.append(addScale());
    root.append(addLegend());
    root.classList.add("on");
    const fit = () => {
      const ratio = window.devicePixelRatio || 1, first = width === 1;
      width = Math.max(50, canvas.clientWidth);
      height = Math.max(50, canvas.clientHeight);
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      if (first) goHome();
      drawNow();  // at once: a page that is printed or read by a program may never have a frame
    };
    fit();
    new ResizeObserver(fit).observe(canvas);
  }

  for (const root of document.querySelectorAll(".space")) makeView(root);
})();
