// A recipe survives the way to JSON and back, and says what is wrong with one that does not.
#include <limits>

#include "core/base/error.h"
#include "core/session/recipe.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

Recipe example() {
    Recipe recipe;
    recipe.view = "trajectories";
    recipe.sources = {{"results", "demo/results.h5", "sha256:00ff"},
                      {"teleport", "a \"b\" ]]> \xc3\xa9.h5", ""}};
    recipe.options = R"({"zeta":1,"alpha":[1,2.5],"rows":"0:10"})";
    Camera camera;
    camera.azimuth = 0.1;
    camera.focal = {1e-7, -2, 1.0 / 3.0};
    camera.halfHeight = 12.75;
    camera.perspective = true;
    recipe.camera = camera;
    recipe.widthMm = 80;
    recipe.heightMm = 60;
    recipe.dpi = 600;
    recipe.theme = "dark";
    recipe.versions = {{"rheograph", "0.1.0"}, {"qt", "6.4.2"}};
    recipe.time = "2025-01-02T03:04:05Z";
    return recipe;
}

/// The message of the Error that `text` is refused with; empty if it is not.
QString refusal(const std::string& text, ErrorCode code) {
    try {
        recipeFromJson(text);
    } catch (const Error& e) {
        return e.code() == code ? QString(e.what()) : QString("other code: ") + e.what();
    }
    return {};
}

}  // namespace

class TestSessionRecipe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void comesBackAsItWas();
    void isWrittenTheSameEveryTime();
    void leavesOutWhatIsNotThere();
    void saysWhatIsWrong_data();
    void saysWhatIsWrong();
    void refusesWhatCannotBeWritten();
    void passesOverWhatItDoesNotKnow();
    void boundsWhatItReads();
};

void TestSessionRecipe::comesBackAsItWas() {
    const Recipe before = example();
    const Recipe after = recipeFromJson(recipeToJson(before));
    QCOMPARE(after.view, before.view);
    QVERIFY(after.sources == before.sources);
    QCOMPARE(after.options, before.options);
    QVERIFY(after.camera.has_value());
    QCOMPARE(after.camera->azimuth, before.camera->azimuth);
    QCOMPARE(after.camera->elevation, before.camera->elevation);
    QCOMPARE(after.camera->roll, before.camera->roll);
    QVERIFY(after.camera->focal == before.camera->focal);  // to the last bit
    QVERIFY(after.camera->halfHeight == before.camera->halfHeight);
    QCOMPARE(after.camera->perspective, true);
    QCOMPARE(after.widthMm, 80.0);
    QCOMPARE(after.heightMm, 60.0);
    QCOMPARE(after.dpi, 600.0);
    QCOMPARE(after.theme, before.theme);
    QVERIFY(after.versions == before.versions);
    QCOMPARE(after.time, before.time);
}

void TestSessionRecipe::isWrittenTheSameEveryTime() {
    const std::string text = recipeToJson(example());
    QCOMPARE(recipeToJson(recipeFromJson(text)), text);
    std::size_t last = 0;
    for (const char* key : {"rheograph_recipe", "view", "sources", "options", "zeta", "alpha", "camera",
                            "size_mm", "dpi", "theme", "versions", "time"}) {
        const auto at = text.find(std::string("\"") + key + "\"");
        QVERIFY2(at != std::string::npos && at >= last, key);
        last = at;
    }
}

void TestSessionRecipe::leavesOutWhatIsNotThere() {
    Recipe recipe;
    recipe.view = "density";
    const auto text = recipeToJson(recipe);
    QVERIFY(text.find("camera") == std::string::npos);
    const auto back = recipeFromJson(text);
    QVERIFY(!back.camera);
    QCOMPARE(back.options, std::string("{}"));
    QVERIFY(back.sources.empty());
}

void TestSessionRecipe::saysWhatIsWrong_data() {
    QTest::addColumn<QString>("json");
    QTest::addColumn<QStringList>("says");
    const QString head = R"({"rheograph_recipe":1,"view":"density")";
    QTest::newRow("not JSON") << "{" << QStringList{"not valid JSON"};
    QTest::newRow("a list") << "[]" << QStringList{"object", "array"};
    QTest::newRow("another JSON") << R"({"a":1})" << QStringList{"not a recipe", "rheograph_recipe"};
    QTest::newRow("no view") << R"({"rheograph_recipe":1})" << QStringList{"no \"view\""};
    QTest::newRow("view") << R"({"rheograph_recipe":1,"view":3})"
                          << QStringList{"\"view\"", "a text", "is 3"};
    QTest::newRow("sources") << head + R"(,"sources":{}})" << QStringList{"sources", "a list"};
    QTest::newRow("source") << head + R"(,"sources":[{"role":"trace"}]})" << QStringList{"sources[0].path"};
    QTest::newRow("options") << head + R"(,"options":[1]})" << QStringList{"options", "[1]"};
    QTest::newRow("focal") << head + R"(,"camera":{"focal":[1,2]}})" << QStringList{"camera.focal", "[1,2]"};
    QTest::newRow("half") << head + R"(,"camera":{"half_height":0}})"
                          << QStringList{"half_height", "above 0"};
    QTest::newRow("size") << head + R"(,"size_mm":[1,-2]})" << QStringList{"size_mm", "-2"};
    QTest::newRow("dpi") << head + R"(,"dpi":"many"})" << QStringList{"dpi", "a number", "many"};
    QTest::newRow("theme") << head + R"(,"theme":"pink"})" << QStringList{"theme", "light", "pink"};
    QTest::newRow("versions") << head + R"(,"versions":{"qt":6}})" << QStringList{"versions.qt"};
}

void TestSessionRecipe::saysWhatIsWrong() {
    QFETCH(QString, json);
    QFETCH(QStringList, says);
    const auto message = refusal(json.toStdString(), ErrorCode::Format);
    QVERIFY(!message.isEmpty());
    for (const auto& part : says) QVERIFY2(message.contains(part), qPrintable(message));
}

void TestSessionRecipe::refusesWhatCannotBeWritten() {
    const auto refused = [](const Recipe& recipe) {
        try {
            recipeToJson(recipe);
        } catch (const Error& e) {
            return e.code() == ErrorCode::InvalidArgument;
        }
        return false;
    };
    Recipe recipe = example();
    recipe.options = "[1]";
    QVERIFY(refused(recipe));
    recipe = example();
    recipe.options = "{";
    QVERIFY(refused(recipe));
    recipe = example();
    recipe.dpi = std::numeric_limits<double>::quiet_NaN();
    QVERIFY(refused(recipe));
    recipe = example();
    recipe.view = "\xff";
    QVERIFY(refused(recipe));
    QVERIFY(!refused(example()));
}

void TestSessionRecipe::passesOverWhatItDoesNotKnow() {
    const auto recipe = recipeFromJson(R"({"rheograph_recipe":1,"later":{"x":[]},"view":"density"})");
    QCOMPARE(recipe.view, std::string("density"));
    QVERIFY(refusal(R"({"rheograph_recipe":2,"view":"density"})", ErrorCode::Unsupported).contains("newer"));
}

void TestSessionRecipe::boundsWhatItReads() {
    QVERIFY(refusal(std::string(100'000, '['), ErrorCode::Format).contains("nested"));
    const std::string deep = R"({"rheograph_recipe":1,"view":"x","options":)";
    QVERIFY(refusal(deep + std::string(100'000, '['), ErrorCode::Format).contains("nested"));
    QVERIFY(refusal(std::string((16u << 20) + 1, ' '), ErrorCode::Format).contains("16 MiB"));
}

RHEO_TEST(TestSessionRecipe)
#include "test_session_recipe.moc"
