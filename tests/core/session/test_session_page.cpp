// The page of a session: texts of anybody's stand in it as texts, what can be turned holds the data, large
// figures are thinned, nothing comes from a network, and in a browser it turns as cameras do.
#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <limits>

#include "core/session/opened_results.h"
#include "core/session/page_scene.h"
#include "core/session/session_page.h"
#include "tests/browser.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();
const std::string hostile = "</script><script>alert(1)</script> & \"quoted\" \xff";

/// `count` paths of `points` vertices: corkscrews beside each other.
LineSet3 paths(int count, int points) {
    LineSet3 set;
    set.offsets = {0};
    for (int line = 0; line < count; ++line) {
        for (int p = 0; p < points; ++p) {
            const auto turn = static_cast<float>(p);
            set.xyz.insert(set.xyz.end(),
                           {std::cos(turn), std::sin(turn) + 0.001f * static_cast<float>(line), 0.1f * turn});
            set.values.push_back(turn);
        }
        set.offsets.push_back(static_cast<std::int32_t>(set.xyz.size() / 3));
        set.tags.push_back(line);
    }
    return set;
}

Figure spaceFigure(LineSet3 lines, const Theme& theme = lightTheme()) {
    Plot3D plot;
    for (auto& axis : plot.axes) axis = {"PC1 (40.0 % of variance)", -2, 2, {{-1, "-1"}, {1, "1"}}};
    plot.lines.push_back(std::move(lines));
    plot.colorScale = ColorScale{ColorMap::Viridis, 0, 20};
    plot.camera.halfHeight = 3;
    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({{}, std::move(plot)});
    return figure;
}

QJsonObject sceneOf(const Plot3D& plot) {
    return QJsonDocument::fromJson(QByteArray::fromStdString(sceneJson(plot, lightTheme(), 1.5, {})))
        .object();
}

QByteArray between(const QByteArray& text, const QByteArray& from, const QByteArray& to) {
    const auto start = text.indexOf(from);
    if (start < 0) return {};
    const auto begin = start + from.size();
    return text.mid(begin, text.indexOf(to, begin) - begin);
}

SessionPage pageOf(const Figure& figure) {
    SessionPage page;
    page.title = "demo";
    page.figures.push_back({"Trajectories",
                            "Paths.",
                            "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>",
                            {},
                            "rheo figure",
                            {},
                            "{}",
                            figure});
    return page;
}

/// Runs in a copy of the page whose policy lets it: what a hand does, and where a red marker is seen.
constexpr const char* driver = R"js(<script>
const canvas = document.querySelector("canvas"), root = document.querySelector(".space");
const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
const key = name => canvas.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const pointer = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type,
  {pointerId: 1, clientX: x, clientY: y, buttons: 1, bubbles: true}));
canvas.setPointerCapture = () => {};
function red() {
  const {width, height} = canvas, data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let x = 0, y = 0, n = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i] > 250 && data[i + 1] < 5 && data[i + 2] < 5) {
      x += i / 4 % width; y += Math.floor(i / 4 / width); n++;
    }
  return n ? [(x / n + .5 - width / 2) / (height / 2), (height / 2 - y / n - .5) / (height / 2)] : [99, 99];
}
const told = [];
async function tell(name) { await frame(); told.push([name, ...root.dataset.camera.split(" ").map(Number), ...red(), +root.dataset.shown]); }
(async () => {
  await tell("home");
  pointer("pointerdown", 300, 300); pointer("pointermove", 300 + canvas.clientHeight / 4, 300); pointer("pointerup", 400, 300);
  await tell("dragged by a quarter of the height");
  canvas.dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
  await tell("home");
  key("ArrowLeft"); key("ArrowDown");
  await tell("keys");
  key("Home"); key("+");
  await tell("nearer");
  root.querySelector("button").click();
  canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: 200, clientX: 500, clientY: 300, bubbles: true, cancelable: true}));
  await tell("wheel");
  const slider = root.querySelector("input");
  slider.value = 3; slider.dispatchEvent(new Event("input"));
  await tell("slider");
  document.body.dataset.told = JSON.stringify(told);
})();
</script>)js";

}  // namespace

class TestSessionPage : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void textsStayTexts() {
        LineSet3 lines = paths(3, 5);
        lines.name = hostile;
        Figure figure = spaceFigure(std::move(lines));
        SessionPage page = pageOf(figure);
        page.title = page.summary = hostile;
        page.facts = {{hostile, hostile}};
        page.notes = {hostile};
        PageFigure& first = page.figures.front();
        first.title = first.caption = first.command = first.recipe = hostile;
        first.notes = {hostile};
        first.pointNames = first.remarks = {hostile};
        page.figures.push_back(first);
        page.figures.back().inSpace.reset();
        const auto html = QByteArray::fromStdString(sessionPage(page));
        // The scene and what draws it, and no third.
        QCOMPARE(html.count("<script"), 2);
        QCOMPARE(html.count("</script>"), 2);
        QVERIFY(!html.contains("alert(1)</script>") && html.contains("&lt;/script&gt;"));
        const auto scene = between(html, "<script type=\"application/json\">", "</script>");
        QJsonParseError error{};
        const auto json = QJsonDocument::fromJson(scene, &error).object();
        QCOMPARE(error.error, QJsonParseError::NoError);
        const QString name = QString::fromUtf8("</script><script>alert(1)</script> & \"quoted\" \ufffd");
        QCOMPARE(json["lines"].toArray()[0].toObject()["name"].toString(), name);
        QCOMPARE(json["points"].toArray()[0].toString(), name);
    }

    // What a browser may do with it: run the one script that is there, and open nothing.
    void nothingComesFromElsewhere() {
        const auto html = QByteArray::fromStdString(sessionPage(pageOf(spaceFigure(paths(3, 5)))));
        const auto script = between(html, "<script>", "</script>");
        QVERIFY(script.size() > 5000);
        const auto hash = QCryptographicHash::hash(script, QCryptographicHash::Sha256).toBase64();
        QVERIFY2(html.contains("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src "
                               "'sha256-" +
                               hash + "'"),
                 hash.constData());
        QByteArray rest = html;
        rest.replace("http://www.w3.org/2000/svg", "");  // names a language, and is not fetched
        for (const char* word : {"http:", "https:", "src=", "@import", "url(", "fetch(", "XMLHttp"})
            QVERIFY2(!rest.contains(word), word);
        QVERIFY(html.contains("content=\"light\"") && !html.contains("#16191d"));
        SessionPage dark = pageOf(spaceFigure(paths(3, 5), darkTheme()));
        dark.dark = true;
        const auto night = QByteArray::fromStdString(sessionPage(dark));
        QVERIFY(night.contains("content=\"dark\"") && night.contains("#16191d"));
        QVERIFY(night.contains("\"background\":\"#16181c\""));
    }

    void theSceneHoldsTheData() {
        LineSet3 lines = paths(40, 21);
        lines.xyz[3 * 30] = missing;  // the tenth vertex of the second path
        lines.values[2] = missing;
        Figure figure = spaceFigure(lines);
        Plot3D& plot = std::get<Plot3D>(figure.panels[0].plot);
        LineSet3 hidden = paths(2, 3);
        hidden.hidden = true;
        plot.lines.push_back(hidden);
        MarkerSet3 ring;
        ring.xyz = {1, -1, 0.5f};
        ring.color = Color{1, 0, 0};
        ring.shape = MarkerShape::Ring;
        plot.markers.push_back(ring);
        const auto scene = sceneOf(plot);
        QCOMPARE(scene["lines"].toArray().size(), 1);
        const auto set = scene["lines"].toArray()[0].toObject();
        const auto counts = set["counts"].toArray();
        QCOMPARE(counts.size(), 41);
        QCOMPARE(counts[1].toInt(), 9);
        QCOMPARE(counts[2].toInt(), 11);
        // 4 units in 20,000 steps: half a step is 1e-4, and floats add 1e-7.
        const double step = scene["step"].toDouble();
        QCOMPARE(step, 2e-4);
        const auto xyz = set["xyz"].toArray(), origin = scene["origin"].toArray();
        const auto values = set["values"].toArray();
        const auto colors = scene["colors"].toArray();
        QCOMPARE(colors.size(), 64);
        QCOMPARE(values[2].toInt(), -1);
        qsizetype at = 0;
        for (std::size_t v = 0; v < lines.values.size(); ++v) {
            if (std::isnan(lines.xyz[3 * v])) continue;
            for (int axis = 0; axis < 3; ++axis)
                QVERIFY(std::abs(origin[axis].toDouble() + step * xyz[3 * at + axis].toInt() -
                                 double(lines.xyz[3 * v + static_cast<std::size_t>(axis)])) <= 1.01e-4);
            if (!std::isnan(lines.values[v])) {
                // The colour is that of the scale within its steps: neighbours of 64 differ by 0.04 at most.
                const Color wanted = scaleColor(*plot.colorScale, lines.values[v], {});
                const QByteArray shown = colors[values[at].toInt()].toString().toLatin1();
                QVERIFY(std::abs(shown.mid(1, 2).toInt(nullptr, 16) / 255.0 - double(wanted.r)) < 0.04);
                QVERIFY(std::abs(shown.mid(3, 2).toInt(nullptr, 16) / 255.0 - double(wanted.g)) < 0.04);
            }
            ++at;
        }
        QCOMPARE(xyz.size(), 3 * at);
        const auto marker = scene["markers"].toArray()[0].toObject();
        QCOMPARE(marker["shape"].toString(), QString("ring"));
        QCOMPARE(marker["color"].toString(), QString("#ff0000"));
        QCOMPARE(marker["xyz"].toArray(), (QJsonArray{5000, -5000, 2500}));
        QCOMPARE(scene["axes"].toArray()[1].toObject()["ticks"].toArray()[1].toArray(), (QJsonArray{1, "1"}));
        QCOMPARE(scene["camera"].toObject()["azimuth"].toDouble(), plot.camera.azimuth);
    }

    // Figures of files from strangers may hold anything.
    void brokenPlotsAreWritten() {
        Figure figure = spaceFigure(paths(2, 3));
        Plot3D& plot = std::get<Plot3D>(figure.panels[0].plot);
        plot.axes[0].low = plot.axes[0].high = double(missing);
        plot.lines[0].xyz[0] = 1e30f;
        plot.lines[0].offsets.clear();
        plot.camera.halfHeight = double(missing);
        QVERIFY(!sceneOf(plot).isEmpty());
        QCOMPARE(sceneOf(Plot3D{})["lines"].toArray().size(), 0);
    }

    void aPageOfManyRowsIsBounded() {
        Figure figure = spaceFigure(paths(200'000, 20));
        Plot3D& plot = std::get<Plot3D>(figure.panels[0].plot);
        plot.lines.push_back(paths(3, 20));  // the mean, a teleport
        MarkerSet3 section;
        section.xyz.assign(3 * 200'000, 0.5f);
        section.color = Color{};
        plot.markers.push_back(section);
        const ThinnedFigure thinned = thinnedFigure(figure, mostPageVertices);
        const Plot3D& left = *plotInSpace(thinned.figure);
        QCOMPARE(thinned.of, std::int64_t{200'000});
        QCOMPARE(thinned.drawn, std::int64_t(left.lines[0].tags.size()));
        QCOMPARE(left.lines[1].xyz, plot.lines[1].xyz);
        const std::size_t vertices =
            (left.lines[0].xyz.size() + left.lines[1].xyz.size() + left.markers[0].xyz.size()) / 3;
        QVERIFY(vertices <= mostPageVertices && vertices > mostPageVertices * 95 / 100);
        // Evenly spaced, whole, in order.
        const auto& tags = left.lines[0].tags;
        const double gap = 200'000.0 / static_cast<double>(tags.size());
        for (std::size_t i = 0; i < tags.size(); ++i) {
            QVERIFY(std::abs(static_cast<double>(tags[i]) - gap * static_cast<double>(i)) < 1);
            QCOMPARE(left.lines[0].xyz[60 * i + 1], 0.001f * static_cast<float>(tags[i]));
        }
        const auto html = sessionPage(pageOf(thinned.figure));
        QVERIFY2(html.size() < 2'000'000, std::to_string(html.size()).c_str());
        // What fits stays as it is.
        QCOMPARE(thinnedFigure(spaceFigure(paths(300, 9)), mostPageVertices).of, std::int64_t{0});
    }

    void factsSayWhatItWasMadeFrom() {
        TraceInfo info;
        info.points = residualPoints(2, false);
        info.units = 4;
        info.rows = {{0, 3, 7}, {1, 5, 8}};
        info.samples.resize(2);
        info.origin = "Brought from elsewhere.";
        info.model = ModelIdentity{"llama", 2, 4, 100, "float32", std::uint64_t{5}, "", "", "abc", {}, {}};
        DocumentState state;
        state.trace = std::make_shared<MemoryTrace>(info, Array3F(2, 5, 4));
        auto results = std::make_shared<OpenedResults>();
        results->path = "/data/r.h5";
        results->results.records = {{"motion", {"{}", 11}}, {"pca", {"{}", 11}}};
        state.results = results;
        const auto facts = pageFacts(state, {"tiny", "/data/t.h5", "", "9.9", "2026-01-02"});
        const auto of = [&](const std::string& label) {
            for (const auto& [name, value] : facts)
                if (name == label) return value;
            return std::string("none");
        };
        QCOMPARE(of("Model"),
                 std::string("tiny (llama of 2 blocks and 4 units, float32, untrained, seed 5)"));
        QCOMPARE(of("Rows"), std::string("2 of 2 samples"));
        QCOMPARE(of("Points"), std::string("5, L00.attn_in to final"));
        QCOMPARE(of("Units"), std::string("4"));
        QCOMPARE(of("Statistics"), std::string("motion, pca"));
        QCOMPARE(of("Seed"), std::string("11"));
        QCOMPARE(of("Results"), std::string("/data/r.h5"));
        QCOMPARE(of("Prompts"), std::string("none"));
        QCOMPARE(of("Made"), std::string("2026-01-02, Rheograph 9.9"));
        QVERIFY(pageSummary(state).find("2 tokens of 2 samples, followed through 5 points") !=
                std::string::npos);
        QCOMPARE(pageNotes(state).front(), info.origin);
        QVERIFY(!pageSummary(DocumentState{}).empty());
    }

    // The markers on the canvas are where projectToScreen() has them, from the first look and after each
    // turn.
    void aBrowserTurnsIt_data() {
        QTest::addColumn<bool>("perspective");
        QTest::newRow("parallel") << false;
        QTest::newRow("perspective") << true;
    }
    void aBrowserTurnsIt() {
        const QString program = browser();
        if (program.isEmpty()) QSKIP("no browser is installed: chromium, chromium-browser or google-chrome");
        QFETCH(bool, perspective);
        const QTemporaryDir folder;
        Figure figure = spaceFigure(paths(2, 7));
        Plot3D& plot = std::get<Plot3D>(figure.panels[0].plot);
        plot.camera.perspective = perspective;
        plot.camera.roll = 10;
        plot.camera.focal = {0.2, 0.1, -0.1};
        const Eigen::Vector3d place(1.5, -1.5, 1);
        MarkerSet3 marker;
        marker.xyz = {1.5f, -1.5f, 1};
        marker.color = Color{1, 0, 0};
        marker.size = 9;
        marker.layer = 5;
        plot.markers.push_back(marker);
        QByteArray html = QByteArray::fromStdString(sessionPage(pageOf(figure)));
        // As it is, its policy lets no other script run.
        QByteArray withDriver = html;
        withDriver.replace("</body>", QByteArray(driver) + "</body>");
        const auto strict = shownBy(program, folder.path(), withDriver);
        QVERIFY2(strict.contains("data-camera="), strict.left(2000).constData());
        QVERIFY(!strict.contains("data-told="));
        withDriver.replace(between(withDriver, "script-src ", ";"), "'unsafe-inline'");
        // Without a screen there are no frames to wait for.
        withDriver.replace("<body>",
                           "<body><script>requestAnimationFrame = f => setTimeout(f, 16);</script>");
        const auto driven = shownBy(program, folder.path(), withDriver);
        auto told = between(driven, "data-told=\"", "\"");
        told.replace("&quot;", "\"");
        const auto steps = QJsonDocument::fromJson(told).array();
        QCOMPARE(steps.size(), 7);
        Camera camera = plot.camera;
        const auto number = [&](int step, int column) { return steps[step].toArray()[column].toDouble(); };
        const double home = number(0, 3);
        QVERIFY(home >= plot.camera.halfHeight);  // there is room for labels
        // A turn by 180 degrees a height; keys by 5; 1.2 a step of zoom; the wheel by exp(0.0015 px).
        const std::vector<std::array<double, 4>> wanted{{30, 25, home, 7},
                                                        {-15, 25, home, 7},
                                                        {30, 25, home, 7},
                                                        {35, 30, home, 7},
                                                        {30, 25, home / 1.2, 7},
                                                        {30, 25, home * std::exp(0.3), 7},
                                                        {30, 25, home * std::exp(0.3), 3}};
        for (int i = 0; i < 7; ++i) {
            const auto& [azimuth, elevation, halfHeight, shown] = wanted[static_cast<std::size_t>(i)];
            const QByteArray name = steps[i].toArray()[0].toString().toUtf8();
            // Six digits are told.
            QVERIFY2(std::abs(number(i, 1) - azimuth) < 1e-3, name + told);
            QVERIFY2(std::abs(number(i, 2) - elevation) < 1e-3, name);
            QVERIFY2(std::abs(number(i, 3) / halfHeight - 1) < 1e-4, name + told);
            QVERIFY2(number(i, 6) == shown, name + told);
            if (i > 4) continue;  // the wheel moved the focus as well
            camera.azimuth = azimuth;
            camera.elevation = elevation;
            camera.halfHeight = halfHeight;
            const auto screen = projectToScreen(camera, place);
            // Half a pixel of a canvas of some 600.
            QVERIFY2(std::hypot(number(i, 4) - screen.x(), number(i, 5) - screen.y()) < 0.003, name + told);
        }
    }
};

RHEO_TEST(TestSessionPage)
#include "test_session_page.moc"
