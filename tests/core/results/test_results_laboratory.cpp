// Files of the laboratory: interventions as JSON, and vectors with where they come from.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/results/intervention_file.h"
#include "core/results/vector_file.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/npy.h"
#include "tests/core/results/laboratory_examples.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace examples;
namespace fs = std::filesystem;

namespace {

template <class Action>
void expectError(ErrorCode code, const QStringList& parts, Action action) {
    try {
        action();
    } catch (const Error& error) {
        QVERIFY2(error.code() == code, error.what());
        for (const QString& part : parts)
            QVERIFY2(QString::fromUtf8(error.what()).contains(part), error.what());
        return;
    }
    QFAIL("nothing was thrown");
}

}  // namespace

class TestResultsLaboratory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void interventionAndBack();
    void defaultsOfAnEdit();
    void refusals_data();
    void refusals();
    void vectorsOfFiles();
    void vectorsAsAxes();
    void vectorsAndBack_data();
    void vectorsAndBack();
    void vectorsOfOthersAreRefused();
    void patchMapAndBack();
    void patchMapsThatDoNotFit();
    void attributionAndBack();
    void routingAndBack();
    void flowAndBack();
    void responseAndBack();

private:
    Intervention parse(const std::string& json) const {
        return interventionFromJson(json, "edits.json", m_folder.path().toStdString(), identity(),
                                    residualPoints(2, false));
    }
    fs::path path(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }
    QTemporaryDir m_folder;
};

void TestResultsLaboratory::interventionAndBack() {
    Intervention intervention{"two", {}};
    intervention.edits.push_back({"push",
                                  false,
                                  {1, Site::MlpIn},
                                  {EditTokens::Kind::List, 0, 0, {1, 2}},
                                  "add",
                                  vectorOf({0.1F, -2.5e-7F, 3}),
                                  0.25,
                                  StrengthUnit::Rms});
    intervention.edits.push_back({"",
                                  true,
                                  {-1, Site::Final},
                                  {EditTokens::Kind::From, 3, 0, {}},
                                  "scale",
                                  {},
                                  2,
                                  StrengthUnit::Absolute});
    writeIntervention(path("i.json"), intervention, identity(), IfExists::Refuse);
    const Intervention read = readIntervention(path("i.json"), identity(), residualPoints(2, false));
    QCOMPARE(read.name, intervention.name);
    QCOMPARE(read.edits.size(), std::size_t{2});
    for (std::size_t i = 0; i < 2; ++i) {
        const Edit &a = intervention.edits[i], &b = read.edits[i];
        QVERIFY(a.name == b.name && a.on == b.on && a.point == b.point && a.tokens == b.tokens);
        QVERIFY(a.operation == b.operation && a.vector == b.vector && a.strength == b.strength);
        QVERIFY(a.unit == b.unit);
    }
    expectError(ErrorCode::Mismatch, {"i.json", "another model"},
                [&] { readIntervention(path("i.json"), identity("bb"), residualPoints(2, false)); });
}

void TestResultsLaboratory::defaultsOfAnEdit() {
    const Edit edit =
        parse(R"({"edits": [{"point": "final", "op": "set", "vector": [1, 2, 3]}]})").edits.at(0);
    QVERIFY(edit.on && edit.tokens.kind == EditTokens::Kind::Last && edit.strength == 1);
    QVERIFY(edit.unit == StrengthUnit::Absolute && edit.vector == vectorOf({1, 2, 3}));
}

void TestResultsLaboratory::refusals_data() {
    QTest::addColumn<QString>("json");
    QTest::addColumn<QString>("part");
    const auto add = [](const char* name, const QString& json, const char* part) {
        QTest::newRow(name) << json << QString(part);
    };
    const auto edit = [&](const char* name, const QString& changed, const char* part) {
        add(name, R"({"edits": [{"point": "final", "op": "add", "vector": [1, 2, 3]}, {)" + changed + "}]}",
            part);
    };
    add("no JSON", "{", "edits.json");
    add("no edits", "{}", "edits");
    add("edits is no list", R"({"edits": 3})", "edits");
    add("unknown key above", R"({"edits": [], "edit": []})", "'edit'");
    add("key twice", R"({"edits": [], "edits": []})", "twice");
    add("name is a number", R"({"edits": [], "name": 3})", "name");
    edit("unknown key", R"("point": "final", "op": "add", "vector": [1, 2, 3], "layer": 3)", "layer");
    edit("no point", R"("op": "add", "vector": [1, 2, 3])", "edit 2: it has no point");
    edit("no operation", R"("point": "final", "vector": [1, 2, 3])", "it has no op");
    edit("unknown operation", R"("point": "final", "op": "steer", "vector": [1, 2, 3])", "project_out");
    edit("unknown point", R"("point": "L02.attn_in", "op": "add", "vector": [1, 2, 3])", "L02.attn_in");
    edit("point of another kind", R"("point": "L01.block_in", "op": "add", "vector": [1, 2, 3])", "block_in");
    edit("no vector", R"("point": "final", "op": "add")", "needs a vector");
    edit("short vector", R"("point": "final", "op": "add", "vector": [1, 2])", "2 units");
    edit("texts in the vector", R"("point": "final", "op": "add", "vector": [1, 2, "3"])", "list of numbers");
    edit("vector of no file", R"("point": "final", "op": "add", "vector": "absent.npy")", "absent.npy");
    edit("infinite vector", R"("point": "final", "op": "add", "vector": [1, 2, 1e300])", "not finite");
    edit("zero direction", R"("point": "final", "op": "project_out", "vector": [0, 0, 0])", "zero");
    edit("negative token", R"("point": "final", "op": "add", "vector": [1, 2, 3], "tokens": [-1])", "tokens");
    edit("no tokens", R"("point": "final", "op": "add", "vector": [1, 2, 3], "tokens": [])", "empty");
    edit("tokens are a number", R"("point": "final", "op": "add", "vector": [1, 2, 3], "tokens": 3)",
         "tokens");
    edit("unknown tokens", R"("point": "final", "op": "add", "vector": [1, 2, 3], "tokens": "first")",
         "first");
    edit("strength is a text", R"("point": "final", "op": "add", "vector": [1, 2, 3], "strength": "1")",
         "strength");
    edit("on is a number", R"("point": "final", "op": "add", "vector": [1, 2, 3], "on": 1)", "on should be");
    edit("unknown unit", R"("point": "final", "op": "add", "vector": [1, 2, 3], "unit": "sd")", "unit");
    edit("set in rms", R"("point": "final", "op": "set", "vector": [1, 2, 3], "unit": "rms")", "RMS");
}

void TestResultsLaboratory::refusals() {
    QFETCH(QString, json);
    QFETCH(QString, part);
    try {
        parse(json.toStdString());
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains(part), error.what());
        QVERIFY2(QString(error.what()).contains("edits.json"), error.what());
        return;
    }
    QFAIL("it was read");
}

void TestResultsLaboratory::vectorsOfFiles() {
    MatrixF two(2, 3);
    two << 1, 2, 3, 4, 5, 6;
    writeNpy(path("two.npy"), two, IfExists::Refuse);
    writeNpy(path("one.npy"), two.topRows(1), IfExists::Refuse);
    const fs::path folder = m_folder.path().toStdString();
    QVERIFY(readVector("one.npy", folder).values == vectorOf({1, 2, 3}));
    QVERIFY(readVector("two.npy#two[1]", folder).values == vectorOf({4, 5, 6}));
    expectError(ErrorCode::NotFound, {"two.npy", "two[0]"}, [&] { readVector("two.npy", folder); });
    // An HDF5 file of a probe, with what is no vector beside it.
    {
        Hdf5File file = Hdf5File::create(path("probe.h5"), path("probe.h5"));
        file.write<std::int32_t>("/labels", std::vector<std::int32_t>{1, 0}, {2});
        file.write<double>("/probe", std::vector<double>{1, 2, 3}, {3});
        file.write<float>("/decoder", std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
        file.close();
        Hdf5File labels = Hdf5File::create(path("labels.h5"), path("labels.h5"));
        labels.write<std::int32_t>("/labels", std::vector<std::int32_t>{1, 0}, {2});
        labels.close();
    }
    QVERIFY(readVector("probe.h5#probe", folder).values == vectorOf({1, 2, 3}));
    QVERIFY(readVector("probe.h5#decoder[1]", folder).values == vectorOf({4, 5, 6}));
    QCOMPARE(readVectors(path("probe.h5")).size(), std::size_t{3});
    expectError(ErrorCode::Unsupported, {"labels.h5", "int32"}, [&] { readVectors(path("labels.h5")); });
    expectError(ErrorCode::NotFound, {"two[7]", "two[1]"}, [&] { readVector("two.npy#two[7]", folder); });
    const auto edits = parse(R"({"edits": [{"point": "final", "op": "add", "vector": "two.npy#two[1]"}]})");
    QVERIFY(edits.edits.at(0).vector == vectorOf({4, 5, 6}));
}

void TestResultsLaboratory::vectorsAsAxes() {
    const auto file = path("axes.safetensors");
    std::vector<NamedVector> vectors;
    for (const char* name : {"a", "b", "c", "d,e"})
        vectors.push_back({name, vectorOf({1, static_cast<float>(vectors.size()), 0}), "", "", {}});
    writeVectors(file, vectors, identity(), IfExists::Replace);
    const auto namesOf = [&](const std::string& list) {
        QStringList names;
        for (const auto& vector : readAxisVectors(file.string() + list))
            names << QString::fromStdString(vector.name);
        return names;
    };
    QCOMPARE(namesOf(":c,a"), (QStringList{"c", "a"}));
    QCOMPARE(namesOf(":d,e"), (QStringList{"d,e"}));  // a name that holds a comma
    expectError(ErrorCode::InvalidArgument, {"4 vectors", "NAME"}, [&] { readAxisVectors(file.string()); });
    expectError(ErrorCode::NotFound, {"'x'", "a, b, c"}, [&] { readAxisVectors(file.string() + ":x"); });
    const ModelIdentity own = identity(), other = identity("bb");
    const PcaBasis axes = readAxes(file.string() + ":a,b", AxesFrame::Skew, &own);
    QCOMPARE(axes.names, (std::vector<std::string>{"a", "b"}));
    QCOMPARE(axes.dual.rows(), 2);
    expectError(ErrorCode::Mismatch, {"axes.safetensors", "another model"},
                [&] { readAxes(file.string() + ":a", AxesFrame::Skew, &other); });
    // What results and traces do not say of their model is not compared.
    ModelIdentity partly = own;
    partly.configSha256 = "";
    partly.layers = 0;
    readAxes(file.string() + ":a", AxesFrame::Orthonormal, &partly);
}

void TestResultsLaboratory::vectorsAndBack_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("safetensors") << "made.safetensors";
    QTest::newRow("npy") << "made.npy";
}

void TestResultsLaboratory::vectorsAndBack() {
    QFETCH(QString, name);
    const bool alone = name.endsWith("npy");
    std::vector<NamedVector> vectors{{"a", vectorOf({1, 2, 3}), "L01.mlp_in", "from tests", {}}};
    if (!alone) vectors.push_back({"b \"quoted\"", vectorOf({-1, 0, 1e-20F}), "", "", {}});
    ModelIdentity model = identity();
    model.untrainedSeed = 7;
    writeVectors(path(name.toStdString()), vectors, model, IfExists::Refuse);
    const auto read = readVectors(path(name.toStdString()));
    QCOMPARE(read.size(), vectors.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
        QCOMPARE(read[i].name, alone ? std::string("made") : vectors[i].name);
        QVERIFY(read[i].values == vectors[i].values);
        QCOMPARE(read[i].point, vectors[i].point);
        QCOMPARE(read[i].origin, vectors[i].origin);
        QVERIFY(read[i].model && read[i].model->sameModel(model));
    }
}

void TestResultsLaboratory::vectorsOfOthersAreRefused() {
    writeVectors(path("own.safetensors"), {{"a", vectorOf({1, 2, 3}), "", "", {}}}, identity("bb"),
                 IfExists::Refuse);
    expectError(ErrorCode::Mismatch, {"own.safetensors#a", "another model", "bb", "aa"}, [&] {
        parse(R"({"edits": [{"point": "final", "op": "add", "vector": "own.safetensors#a"}]})");
    });
    const NamedVector wide{"w", vectorOf({1, 2, 3, 4}), "", "", {}};
    expectError(ErrorCode::Mismatch, {"w.npy", "4 units", "3"},
                [&] { requireVectorOf(wide, identity(), "w.npy"); });
    expectError(ErrorCode::InvalidArgument, {"distinct"}, [&] {
        writeVectors(path("x.safetensors"), {wide, wide}, identity(), IfExists::Refuse);
    });
    expectError(ErrorCode::InvalidArgument, {"x.txt"},
                [&] { writeVectors(path("x.txt"), {wide}, identity(), IfExists::Refuse); });
}

void TestResultsLaboratory::patchMapAndBack() {
    const PatchMapFile record = patchMapRecord();
    writePatchMapFile(path("map.h5"), record, IfExists::Refuse);
    const PatchMapFile read = readPatchMapFile(path("map.h5"));
    QVERIFY(read.points == record.points);
    QVERIFY(read.map.effect.row(0) == record.map.effect.row(0));
    QVERIFY(read.map.effect.row(1).array().isNaN().all());
    QVERIFY(read.map.normalized.row(0) == record.map.normalized.row(0));
    QVERIFY(read.map.clean == 0.5 && read.map.corrupted == 0.25);
    QVERIFY(read.map.request.clean == record.map.request.clean);
    QVERIFY(read.map.request.corrupted == record.map.request.corrupted);
    QVERIFY(read.map.request.cleanToken == record.map.request.cleanToken);
    QVERIFY(read.map.request.outcome == PatchOutcome::Probability);
    QVERIFY(read.map.request.answer == 7 && read.map.request.foil == -1);
    QVERIFY(read.cleanPieces == record.cleanPieces && read.corruptedPieces == record.corruptedPieces);
    QVERIFY(read.answerText == " e" && read.foilText.empty());
    expectError(ErrorCode::AlreadyExists, {"map.h5"},
                [&] { writePatchMapFile(path("map.h5"), record, IfExists::Refuse); });
    QVERIFY(read.map.request.along.rows() == 0 && read.axisNames.empty());
    PatchMapFile along = record;
    along.map.request.along = MatrixD::Identity(2, identity().dModel);
    along.axisNames = {"one", "another"};
    writePatchMapFile(path("along.h5"), along, IfExists::Refuse);
    QVERIFY(readPatchMapFile(path("along.h5")).map.request.along == along.map.request.along);
    QVERIFY(readPatchMapFile(path("along.h5")).axisNames == along.axisNames);
}

void TestResultsLaboratory::patchMapsThatDoNotFit() {
    const auto refuses = [&](const char* name, const QString& part, auto change) {
        PatchMapFile record = patchMapRecord();
        change(record);
        writePatchMapFile(path(name), record, IfExists::Replace);
        expectError(ErrorCode::Format, {name, part}, [&] { readPatchMapFile(path(name)); });
    };
    refuses("shape.h5", "effect", [](PatchMapFile& r) { r.map.effect.resize(3, 2); });
    refuses("align.h5", "clean_token", [](PatchMapFile& r) { r.map.request.cleanToken = {1, 3}; });
    refuses("along.h5", "along", [](PatchMapFile& r) {
        r.map.request.along = MatrixD::Identity(2, 3);
        r.axisNames = {"one"};
    });
    refuses("pieces.h5", "pieces", [](PatchMapFile& r) { r.cleanPieces.pop_back(); });
    Hdf5File other = Hdf5File::create(path("other.h5"));
    other.setAttribute("/", "format", std::string("rheograph-trace"));
    other.close();
    expectError(ErrorCode::Format, {"other.h5", "patch map", "rheograph-trace"},
                [&] { readPatchMapFile(path("other.h5")); });
}

void TestResultsLaboratory::attributionAndBack() {
    AttributionFile record = attributionRecord();
    const Attribution& a = record.attribution;
    writeAttributionFile(path("a.h5"), record, IfExists::Refuse);
    AttributionFile read = readAttributionFile(path("a.h5"));
    QVERIFY(read.attribution.contribution == a.contribution && read.attribution.logit == a.logit);
    QVERIFY(read.token == 1 && read.ids == record.ids && read.pieces == record.pieces && !read.natural);
    QVERIFY(read.attribution.answer == 7 && read.attribution.foil == -1 && read.answerText == " c");
    const auto file = Hdf5File::openForReading(path("a.h5"));
    QVERIFY((file.read<double>("/contribution") == std::vector<double>{3, 4}));
    QCOMPARE(file.numberAttribute("/", "logit").value_or(0), 0.25);
    record.natural = a;
    record.natural->logit *= 2;
    record.intervention = "{}";
    writeAttributionFile(path("a.h5"), record, IfExists::Replace);
    read = readAttributionFile(path("a.h5"));
    QVERIFY(read.natural && read.natural->logit == a.logit * 2 && read.intervention == "{}");
}

void TestResultsLaboratory::routingAndBack() {
    RoutingFile record = routingRecord();
    RoutingResult& routing = record.routing;
    const auto write = [&](const char* name) { writeRoutingFile(path(name), record, IfExists::Refuse); };
    write("routing.h5");
    const RoutingFile read = readRoutingFile(path("routing.h5"));
    QVERIFY(read.ids == record.ids && read.prompts == record.prompts && read.tokenTexts == record.tokenTexts);
    QVERIFY(read.routing.blocks == routing.blocks &&
            read.routing.probabilities.data == routing.probabilities.data);
    QVERIFY(read.routing.chosen.data == routing.chosen.data && read.routing.usage == routing.usage);
    QVERIFY(read.routing.entropy == routing.entropy && read.routing.next.high == routing.next.high);
    QVERIFY(read.routing.balance.p == routing.balance.p && read.routing.repeats == 20 &&
            read.routing.seed == 3);
    const auto refuses = [&](const char* name, const char* dataset, const std::function<void()>& spoil) {
        const RoutingFile before = record;
        spoil();
        write(name);
        record = before;
        expectError(ErrorCode::Format, {name, dataset}, [&] { readRoutingFile(path(name)); });
    };
    refuses("prompts.h5", "prompts", [&] { record.prompts = {1, 0, 0}; });
    refuses("blocks.h5", "blocks", [&] { routing.blocks = {3, 1}; });
    refuses("chosen.h5", "chosen", [&] { routing.chosen.data[2] = 2; });
    refuses("usage.h5", "usage", [&] { routing.usage = MatrixD::Zero(2, 3); });
    refuses("rows.h5", "probabilities", [&] { routing.probabilities = Array3F(2, 2, 2); });
}

void TestResultsLaboratory::flowAndBack() {
    FlowFile record = flowRecord();
    const Flow flow = record.flow;
    writeFlowFile(path("flow.h5"), record, IfExists::Refuse);
    const FlowFile read = readFlowFile(path("flow.h5"));
    QVERIFY(read.points == record.points && read.text == record.text && read.ids == record.ids);
    QVERIFY(read.tokenTexts == record.tokenTexts);
    const Flow& back = read.flow;
    QVERIFY(back.request.point == PointIndex{1} && back.request.token == 1 && back.request.seed == 9);
    QVERIFY(back.request.axes == flow.request.axes && back.request.extent == flow.request.extent);
    QVERIFY(back.request.columns == 3 && back.request.rows == 2 && back.request.controls == 2);
    QVERIFY(back.axisNames == flow.axisNames && back.x == flow.x && back.y == flow.y);
    QVERIFY(back.natural == flow.natural && back.scores.data == flow.scores.data);
    QVERIFY(back.distance == flow.distance && back.distanceRms == flow.distanceRms);
    QVERIFY(back.contraction == flow.contraction && std::isnan(back.contractionRms[0]));
    QVERIFY(back.controlContraction == flow.controlContraction);
    QVERIFY(back.likeliest == flow.likeliest && back.probability == flow.probability && back.kl == flow.kl);
    QVERIFY(back.naturalToken == 6 && back.naturalProbability == 0.25);
    // Flows at several points: the deepest at or before a point is the one for it.
    QVERIFY(read.deeper.empty() && read.flows().size() == 1);
    Flow deeper = flow;
    deeper.request.point = PointIndex{2};  // the final one: no step follows
    deeper.natural = MatrixD::Random(1, 2);
    deeper.scores = Array3<double>(6, 1, 2);
    deeper.distance = deeper.distanceRms = MatrixD::Random(6, 1);
    deeper.contraction = deeper.contractionRms = VectorD();
    deeper.controlContraction = deeper.controlContractionRms = MatrixD();
    record.deeper = {deeper};
    writeFlowFile(path("flow.h5"), record, IfExists::Replace);
    const FlowFile both = readFlowFile(path("flow.h5"));
    QCOMPARE(both.deeper.size(), std::size_t{1});
    QVERIFY(both.flow.scores.data == flow.scores.data && both.deeper[0].natural == deeper.natural);
    QVERIFY(&both.at(PointIndex{0}) == &both.flow && &both.at(PointIndex{1}) == &both.flow);
    QVERIFY(&both.at(PointIndex{2}) == both.flows()[1]);
    record.deeper[0].request.point = PointIndex{1};
    writeFlowFile(path("flow.h5"), record, IfExists::Replace);
    expectError(ErrorCode::Format, {"flow.h5", "deeper/0"}, [&] { readFlowFile(path("flow.h5")); });
    record.deeper.clear();
    // A grid of other sides than its cells.
    record.flow.x = VectorD::LinSpaced(4, -1, 2);
    writeFlowFile(path("flow.h5"), record, IfExists::Replace);
    expectError(ErrorCode::Format, {"flow.h5", "scores"}, [&] { readFlowFile(path("flow.h5")); });
    expectError(ErrorCode::Format, {"a response"}, [&] { readResponseFile(path("flow.h5")); });
}

void TestResultsLaboratory::responseAndBack() {
    ResponseFile record = responseRecord();
    const Response response = record.response;
    writeResponseFile(path("response.h5"), record, IfExists::Refuse);
    const ResponseFile read = readResponseFile(path("response.h5"));
    const Response& back = read.response;
    QVERIFY(read.along == "pc1" && read.unitName == "SD" && read.ids == record.ids);
    QVERIFY(back.request.direction == response.request.direction && back.request.target.size() == 0);
    QVERIFY(back.request.unit == 0.5 && back.length == 0.5 && back.request.point == PointIndex{2});
    QVERIFY(back.sizes == response.sizes && back.distance == response.distance && back.kl == response.kl);
    QVERIFY(back.likeliest == response.likeliest && back.controlKl == response.controlKl);
    QVERIFY(back.sides.size() == 2 && back.sides[1].name == "-" && back.sides[1].plateau.steepest == 11);
    QVERIFY(back.sides[1].controls[0].width == 13 && back.sides[0].controls[0].slope == 8);
    record.response.kl.resize(2);
    writeResponseFile(path("response.h5"), record, IfExists::Replace);
    expectError(ErrorCode::Format, {"response.h5", "kl"}, [&] { readResponseFile(path("response.h5")); });
}

RHEO_TEST(TestResultsLaboratory)
#include "test_results_laboratory.moc"
