// Models by name: folders, folders of the Hugging Face cache, ORG/NAME.
#include <QTemporaryDir>
#include <filesystem>
#include <fstream>

#include "core/checkpoint/cached_models.h"
#include "core/checkpoint/model_cache.h"
#include "expect_error.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
namespace fs = std::filesystem;

namespace {

const fs::path tiny = fs::path(RHEO_FIXTURES) / "models" / "llama-3-new-config" / "model";

/// `model` in `cache` as the Hugging Face libraries keep it: a snapshot of links into blobs.
fs::path addToCache(const fs::path& cache, const std::string& folder, const std::string& revision,
                    const fs::path& model = tiny) {
    const fs::path home = cache / folder;
    const fs::path snapshot = home / "snapshots" / revision;
    fs::create_directories(snapshot);
    fs::create_directories(home / "blobs");
    for (const auto& entry : fs::directory_iterator(model)) {
        const std::string blob = revision + "-" + entry.path().filename().string();
        fs::copy_file(entry.path(), home / "blobs" / blob);
        fs::create_symlink(fs::path("../../blobs") / blob, snapshot / entry.path().filename());
    }
    return snapshot;
}

void setMain(const fs::path& cache, const std::string& folder, const std::string& revision) {
    fs::create_directories(cache / folder / "refs");
    std::ofstream(cache / folder / "refs" / "main") << revision;
}

}  // namespace

class TestCheckpointCache : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void environmentChoosesTheFolder();
    void findsByName();
    void mainRevisionCounts();
    void revisionsHaveNames();
    void foldersGoFirst();
    void saysHowToFetch();
    void saysHowToFetchWhatIsMissing();
    void refusesNames_data();
    void refusesNames();
    void listsModels();

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_cache;
};

void TestCheckpointCache::init() {
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
        qunsetenv(name);
    m_folder = std::make_unique<QTemporaryDir>();
    m_cache = fs::path(m_folder->path().toStdString()) / "hub";
    fs::create_directories(m_cache);
    qputenv("HF_HUB_CACHE", QByteArray::fromStdString(m_cache.string()));
    qputenv("OLLAMA_MODELS", QByteArray::fromStdString((m_cache.parent_path() / "ollama").string()));
}

void TestCheckpointCache::environmentChoosesTheFolder() {
    QCOMPARE(modelCacheFolder().string(), m_cache.string());
    qputenv("HF_HOME", "/somewhere");
    QCOMPARE(modelCacheFolder().string(), m_cache.string());
    qunsetenv("HF_HUB_CACHE");
    QCOMPARE(modelCacheFolder().string(), std::string("/somewhere/hub"));
    qunsetenv("HF_HOME");
    qputenv("XDG_CACHE_HOME", "/caches");
    QCOMPARE(modelCacheFolder().string(), std::string("/caches/huggingface/hub"));
    qunsetenv("XDG_CACHE_HOME");
    qputenv("HOME", "/home/someone");
    QCOMPARE(modelCacheFolder().string(), std::string("/home/someone/.cache/huggingface/hub"));
    qputenv("HF_HOME", "~/models");
    QCOMPARE(modelCacheFolder().string(), std::string("/home/someone/models/hub"));
}

void TestCheckpointCache::findsByName() {
    const fs::path snapshot = addToCache(m_cache, "models--some-org--tiny.llama_1", "abc123");
    setMain(m_cache, "models--some-org--tiny.llama_1", "abc123");
    QCOMPARE(locateModel("some-org/tiny.llama_1").string(), snapshot.string());
    QCOMPARE(locateModel((m_cache / "models--some-org--tiny.llama_1").string()).string(), snapshot.string());
    QCOMPARE(locateModel(snapshot.string()).string(), snapshot.string());
    QCOMPARE(locateModel(snapshot.string() + "/").string(), snapshot.string());
    const auto checkpoint = Checkpoint::open("some-org/tiny.llama_1");
    QCOMPARE(checkpoint->storedParameters(), std::size_t{39});
    QCOMPARE(checkpoint->folder().string(), snapshot.string());
    QVERIFY(checkpoint->tokenizerPath().has_value());
    addToCache(m_cache, "models--old", "r");
    QCOMPARE(Checkpoint::open("old")->storedParameters(), std::size_t{39});
}

void TestCheckpointCache::mainRevisionCounts() {
    const std::string folder = "models--o--n";
    const fs::path first = addToCache(m_cache, folder, "aaa");
    const fs::path second = addToCache(m_cache, folder, "bbb");
    fs::last_write_time(first, fs::file_time_type::clock::now() + std::chrono::hours(1));
    QCOMPARE(locateModel("o/n").string(), first.string());  // the newest, without refs
    setMain(m_cache, folder, "bbb\n");
    QCOMPARE(locateModel("o/n").string(), second.string());
    setMain(m_cache, folder, "../../../etc");
    QCOMPARE(locateModel("o/n").string(), first.string());
}

/// A training checkpoint is a revision: ORG/NAME@step1000.
void TestCheckpointCache::revisionsHaveNames() {
    const std::string folder = "models--org--tiny", commit(40, 'c');
    const fs::path main = addToCache(m_cache, folder, "aaa"), early = addToCache(m_cache, folder, commit);
    setMain(m_cache, folder, "aaa");
    const auto name = [&](const std::string& revision, const std::string& of) {
        const fs::path ref = m_cache / folder / "refs" / revision;
        fs::create_directories(ref.parent_path());
        std::ofstream(ref) << of;
    };
    QCOMPARE(modelTitle(early), "org/tiny@" + commit.substr(0, 12));
    QCOMPARE(locateModel("org/tiny@" + commit.substr(0, 12)).string(), early.string());
    name("step1000", commit);
    name("pr/1", commit);
    name("gone", "bbb");
    QCOMPARE(locateModel("org/tiny").string(), main.string());
    QCOMPARE(locateModel("org/tiny@main").string(), main.string());
    for (const std::string& revision :
         {std::string("step1000"), std::string("pr/1"), commit, commit.substr(0, 7)})
        QCOMPARE(locateModel("org/tiny@" + revision).string(), early.string());
    // The first name in the alphabet that is no folder of others.
    QCOMPARE(modelTitle(main), std::string("org/tiny"));
    QCOMPARE(modelTitle(early), std::string("org/tiny@pr/1"));
    QCOMPARE(fetchCommand(early), std::string("hf download org/tiny --revision pr/1"));
    QCOMPARE(fetchCommand(main), std::string("hf download org/tiny"));
    for (const char* revision : {"step2", "gone", "cccccc", "", "../../x", "refs/../main"})
        EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"org/tiny", "main, pr/1, step1000", "--revision"}),
                     locateModel(std::string("org/tiny@") + revision));
    Progress progress;
    QStringList listed;
    for (const CachedModel& model : cachedModels(progress)) listed << QString::fromStdString(model.name);
    QCOMPARE(listed, (QStringList{"org/tiny", "org/tiny@pr/1", "org/tiny@step1000"}));
}

void TestCheckpointCache::foldersGoFirst() {
    addToCache(m_cache, "models--org--name", "abc");
    const QDir before = QDir::current();
    const fs::path here = m_folder->path().toStdString();
    fs::create_directories(here / "org" / "name");
    fs::copy_file(tiny / "config.json", here / "org" / "name" / "config.json");
    QDir::setCurrent(m_folder->path());
    const std::string found = locateModel("org/name").string();
    QDir::setCurrent(before.path());
    QCOMPARE(found, std::string("org/name"));
}

void TestCheckpointCache::saysHowToFetch() {
    EXPECT_ERROR(ErrorCode::NotFound,
                 (QStringList{"hf download some/thing", QString::fromStdString(m_cache.string())}),
                 Checkpoint::open("some/thing"));
    fs::create_directories(m_cache / "models--some--thing" / "snapshots");
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"hf download some/thing"}, Checkpoint::open("some/thing"));
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"finished download", "hf download some/thing"}),
                 Checkpoint::open(m_cache / "models--some--thing"));
    std::ofstream(m_cache / "a_file") << "x";
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"is a file"}, Checkpoint::open(m_cache / "a_file"));
}

/// Of a download that was broken off, links lead to blobs that are not there.
void TestCheckpointCache::saysHowToFetchWhatIsMissing() {
    const fs::path snapshot = addToCache(m_cache, "models--some--thing", "1");
    for (const auto& entry : fs::directory_iterator(m_cache / "models--some--thing" / "blobs"))
        if (entry.path().extension() == ".safetensors") fs::remove(entry.path());
    QVERIFY(fs::is_symlink(snapshot / "model.safetensors"));
    const auto checkpoint = Checkpoint::open("some/thing");
    QVERIFY2(checkpoint->weightsMissing().find("with `hf download some/thing`") != std::string::npos,
             checkpoint->weightsMissing().c_str());
    const fs::path sharded = addToCache(m_cache, "models--a--sharded", "1",
                                        fs::path(RHEO_FIXTURES) / "models" / "llama-3-style" / "model");
    fs::remove(sharded / "model-00002-of-00003.safetensors");
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"model-00002-of-00003", "hf download a/sharded"}),
                 Checkpoint::open("a/sharded"));
    fs::remove(snapshot / "config.json");
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"config.json", "hf download some/thing"}),
                 Checkpoint::open("some/thing"));
    QCOMPARE(fetchCommand("/elsewhere/some/thing"), std::string());
    QCOMPARE(fetchCommand("/cache/models--a--b; rm -r ~"), std::string());
}

void TestCheckpointCache::refusesNames_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"../../etc", "a/b/c", "/not/there", "a b/c", "org/..", "", "org/"})
        QTest::newRow(name) << QString(name);
}

void TestCheckpointCache::refusesNames() {
    QFETCH(QString, name);
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"no"},
                 locateModel("/nowhere-at-all/" + name.toStdString()));
    if (name != "../../etc")
        EXPECT_ERROR(ErrorCode::NotFound, QStringList{"no"}, locateModel(name.toStdString()));
}

void TestCheckpointCache::listsModels() {
    Progress progress;
    QVERIFY(cachedModels(progress).empty());
    addToCache(m_cache, "models--b--llama", "1");
    addToCache(m_cache, "models--a--phi", "1", fs::path(RHEO_FIXTURES) / "models" / "phi3" / "model");
    fs::create_directories(m_cache / "models--c--empty");
    fs::create_directories(m_cache / "datasets--d--e");
    const fs::path odd = m_cache / "models--z--odd" / "snapshots" / "1";
    fs::create_directories(odd);
    std::ofstream(odd / "config.json") << R"({"model_type":"mamba"})";
    // One whose weights are cut short, and one of which only the config was fetched.
    const fs::path cut = addToCache(m_cache, "models--d--cut", "1");
    fs::resize_file(fs::canonical(cut / "model.safetensors"), 100000);
    const fs::path half = addToCache(m_cache, "models--e--half", "1");
    fs::remove(half / "model.safetensors");

    const auto models = cachedModels(progress);
    QCOMPARE(models.size(), std::size_t{6});
    const auto& [phi, llama, empty, broken, unfinished, mamba] =
        std::tie(models[0], models[1], models[2], models[3], models[4], models[5]);
    QCOMPARE(phi.name, std::string("a/phi"));
    QCOMPARE(phi.architecture, std::string("phi3"));
    QVERIFY(phi.checkpoint && phi.trouble.empty());
    QCOMPARE(llama.name, std::string("b/llama"));
    QCOMPARE(llama.bytes, std::int64_t{379656});
    QVERIFY(llama.checkpoint && llama.trouble.empty());
    QCOMPARE(modelTitle(llama.folder), std::string("b/llama"));
    QCOMPARE(empty.name, std::string("c/empty"));
    QVERIFY2(!empty.checkpoint && empty.trouble.find("hf download c/empty") != std::string::npos,
             empty.trouble.c_str());
    QCOMPARE(broken.architecture, std::string("llama"));
    QVERIFY2(!broken.checkpoint && broken.trouble.find("model.safetensors") != std::string::npos,
             broken.trouble.c_str());
    QVERIFY2(broken.trouble.find(m_cache.string() + "/models--d--cut/snapshots") == std::string::npos,
             broken.trouble.c_str());
    QVERIFY(unfinished.checkpoint);  // it can be run untrained
    QVERIFY2(unfinished.trouble.find("hf download e/half") != std::string::npos, unfinished.trouble.c_str());
    QCOMPARE(mamba.architecture, std::string("mamba"));
    QVERIFY2(!mamba.checkpoint && mamba.trouble.find("mamba") != std::string::npos, mamba.trouble.c_str());

    std::stop_source stop;
    stop.request_stop();
    Progress stopped(stop.get_token());
    QVERIFY_EXCEPTION_THROWN(cachedModels(stopped), Cancelled);
    qputenv("HF_HUB_CACHE", "/nowhere-at-all");
    QVERIFY(cachedModels(progress).empty());
}

RHEO_TEST(TestCheckpointCache)
#include "test_checkpoint_cache.moc"
