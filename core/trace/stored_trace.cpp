#include "core/trace/stored_trace.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/trace/file_parts.h"
#include "core/trace/sample_labels.h"
#include "core/trace/trace_format.h"

namespace rheo {

namespace tf = trace_format;

namespace {

constexpr std::int64_t mostRows = std::int64_t{1} << 31;

[[noreturn]] void refuse(const Hdf5File& file, const char* dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

template <class T>
std::vector<T> readList(const Hdf5File& file, const char* dataset, std::int64_t count) {
    const Hdf5Info info = file.info(dataset);
    if (info.shape.size() != 1 || info.shape[0] != count)
        refuse(file, dataset,
               fmt::format("{} values were expected, and its shape is [{}]", count,
                           fmt::join(info.shape, ", ")));
    return file.read<T>(dataset, count);
}

void readShape(const Hdf5File& file, StoredTrace& stored) {
    const Hdf5Info info = file.info(tf::residual);
    if (info.shape.size() != 3)
        refuse(file, tf::residual,
               fmt::format("three axes [row, point, unit] were expected, and its shape is [{}]",
                           fmt::join(info.shape, ", ")));
    const auto encoding = file.textAttribute(tf::residual, "encoding");
    if (info.type == Hdf5Type::UInt16) {
        if (encoding != "bfloat16")
            refuse(file, tf::residual, "16-bit integers without the attribute encoding = \"bfloat16\"");
        stored.info.bfloat16 = true;
    } else if (!info.isFloat) {
        refuse(file, tf::residual, "float32, or bfloat16 as 16-bit integers, was expected");
    }
    const std::int64_t rows = info.shape[0];
    stored.info.units = info.shape[2];
    if (rows < 1 || info.shape[1] < 1 || stored.info.units < 1) refuse(file, tf::residual, "it is empty");
    if (rows > mostRows || info.shape[1] > 1'000'000 || stored.info.units > 100'000'000)
        refuse(file, tf::residual,
               fmt::format("its shape [{}] is too large to be real", fmt::join(info.shape, ", ")));
    stored.info.points.resize(static_cast<std::size_t>(info.shape[1]));
}

void readPoints(const Hdf5File& file, StoredTrace& stored) {
    const auto count = static_cast<std::int64_t>(stored.info.points.size());
    if (!file.exists(tf::pointBlock) || !file.hasStrings(tf::pointSite)) {
        for (std::int64_t p = 0; p < count; ++p)
            stored.info.points[static_cast<std::size_t>(p)] = {static_cast<int>(p), Site::Unnamed};
        return;
    }
    const auto blocks = readList<std::int32_t>(file, tf::pointBlock, count);
    const auto sites = file.readStrings(tf::pointSite);
    if (sites.size() != blocks.size())
        refuse(file, tf::pointSite,
               fmt::format("{} names were expected, and there are {}", count, sites.size()));
    for (std::size_t p = 0; p < blocks.size(); ++p) {
        const auto site = parseSite(sites[p]);
        if (!site)
            refuse(file, tf::pointSite, fmt::format("\"{}\" is no site of a residual point", sites[p]));
        stored.info.points[p] = {blocks[p], *site};
    }
}

void readRowInfo(const Hdf5File& file, StoredTrace& stored) {
    const std::int64_t stores = file.info(tf::residual).shape[0];
    const auto count = static_cast<std::size_t>(stores);
    auto& rows = stored.info.rows;
    const bool described = file.exists(tf::rowSample) && file.exists(tf::rowPosition);
    if (described) {
        const auto samples = readList<std::int32_t>(file, tf::rowSample, stores);
        const auto positions = readList<std::int32_t>(file, tf::rowPosition, stores);
        std::vector<std::int32_t> tokens(count, -1);
        if (file.exists(tf::rowToken)) tokens = readList<std::int32_t>(file, tf::rowToken, stores);
        rows.resize(count);
        for (std::size_t n = 0; n < count; ++n) rows[n] = {samples[n], positions[n], tokens[n]};
    } else {
        // Nothing bears the number of rows out but the shape: it must not decide alone how much is allocated.
        if (count > (std::size_t{1} << 27))
            refuse(file, tf::residual, "more rows than a trace without /rows may have");
        rows.resize(count);
        for (std::size_t n = 0; n < count; ++n) rows[n] = {static_cast<std::int32_t>(n), 0, -1};
    }
    stored.complete.assign(count, 1);
    if (file.exists(tf::rowComplete)) stored.complete = readList<std::uint8_t>(file, tf::rowComplete, stores);
}

void readSamples(const Hdf5File& file, StoredTrace& stored) {
    if (!file.hasStrings(tf::sampleText)) return;
    const auto texts = file.readStrings(tf::sampleText);
    stored.info.samples.resize(texts.size());
    for (std::size_t s = 0; s < texts.size(); ++s) stored.info.samples[s].text = texts[s];
    if (file.exists(tf::sampleTokens) && file.exists(tf::sampleFirst)) {
        const auto tokens = file.read<std::int32_t>(tf::sampleTokens);
        const auto first =
            readList<std::int64_t>(file, tf::sampleFirst, static_cast<std::int64_t>(texts.size()) + 1);
        for (std::size_t s = 0; s < texts.size(); ++s) {
            if (first[s] < 0 || first[s + 1] < first[s] ||
                first[s + 1] > static_cast<std::int64_t>(tokens.size()))
                refuse(file, tf::sampleFirst,
                       fmt::format("entry {} points outside of {}", s, tf::sampleTokens));
            stored.info.samples[s].tokenIds.assign(tokens.begin() + first[s], tokens.begin() + first[s + 1]);
        }
    }
    readSampleLabels(file, tf::samples, stored.info.samples);
    for (const auto& row : stored.info.rows)
        if (row.sample < 0 || static_cast<std::size_t>(row.sample) >= texts.size())
            refuse(file, tf::rowSample,
                   fmt::format("a row belongs to sample {}, and there are {}", row.sample, texts.size()));
}

void readModel(const Hdf5File& file, StoredTrace& stored) {
    if (!file.exists(tf::model)) return;
    const auto number = [&](const char* name) { return file.integerAttribute(tf::model, name).value_or(0); };
    ModelIdentity model = readModelAttributes(file, tf::model);
    model.layers = number("layers");
    model.dModel = number("d_model");
    model.vocabulary = number("vocabulary");
    if (const auto seed = file.integerAttribute(tf::model, "untrained_seed"))
        model.untrainedSeed = static_cast<std::uint64_t>(*seed);
    model.configSha256 = file.textAttribute(tf::model, "config_sha256").value_or("");
    model.tokenizerSha256 = file.textAttribute(tf::model, "tokenizer_sha256").value_or("");
    stored.info.model = std::move(model);
}

}  // namespace

StoredTrace readStoredTrace(const Hdf5File& file) {
    const std::string path = file.path().string();
    const auto format = file.textAttribute("/", "format");
    const auto version = file.integerAttribute("/", "version");
    if (!format || *format != tf::format)
        throw Error(
            ErrorCode::Format,
            fmt::format(
                "{} is an HDF5 file but not a trace: its attribute format is {} where \"{}\" was expected",
                path, format ? "\"" + *format + "\"" : "missing", tf::format),
            path);
    if (!version || *version < 1)
        refuse(file, "attribute version", "a whole number of at least 1 was expected");
    if (*version > tf::version)
        throw Error(
            ErrorCode::Unsupported,
            fmt::format(
                "{} is a trace of version {}, and this program reads up to version {}; use a newer Rheograph",
                path, *version, tf::version),
            path);
    StoredTrace stored;
    stored.info.origin = file.textAttribute("/", "origin").value_or("");
    readShape(file, stored);
    readPoints(file, stored);
    readRowInfo(file, stored);
    readSamples(file, stored);
    readModel(file, stored);
    return stored;
}

}  // namespace rheo
