#include "core/results/verdict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "core/base/error.h"
#include "core/findings/derivative_verdicts.h"
#include "core/findings/findings.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

// The fields of each value, once for both directions.

template <class Visitor, class Null>
void visitNull(Visitor& visit, Null& null) {
    visit("null", null.null);
    visit("mean", null.mean);
    visit("low", null.low);
    visit("high", null.high);
    visit("p_upper", null.upper.p);
    visit("p_upper_method", null.upper.method);
    visit("p_lower", null.lower.p);
    visit("p_lower_method", null.lower.method);
    visit("null_share", null.share);
    visit("repeats", null.repeats);
}

template <class Visitor, class Response>
void visitResponse(Visitor& visit, Response& response) {
    visit("size", response.size);
    visit("mean", response.mean);
    visit("interval_low", response.low);
    visit("interval_high", response.high);
    visit("p", response.p);
}

template <class Visitor, class V>
void visitVerdict(Visitor& visit, V& v) {
    visit("key", v.key);
    visit("observed", v.observed);
    visit("interval_low", v.interval.low);
    visit("interval_high", v.interval.high);
    visit("nulls", v.nulls);
    visit("p", v.p);
    visit("p_adjusted", v.pAdjusted);
    visit("p_method", v.pMethod);
    visit("p_away", v.pAway);
    visit("p_away_adjusted", v.pAwayAdjusted);
    visit("n_samples", v.samples);
    visit("n_rows", v.rows);
    visit("depth_shuffle_mean", v.depthShuffleMean);
    visit("depth_shuffle_p", v.depthShuffleP);
    visit("responses", v.responses);
    visit("verdict", v.verdict);
    visit("verdict_with_all", v.withAll);
    visit("verdict_without_outliers", v.withoutOutliers);
    visit("observed_without_outliers", v.observedWithoutOutliers);
    visit("null_mean_without_outliers", v.nullWithoutOutliers);
    visit("outliers", v.outliers);
    visit("reason", v.reason);
}

template <class Visitor, class T>
void visitFields(Visitor& visit, T& value) {
    using Plain = std::remove_const_t<T>;
    if constexpr (std::is_same_v<Plain, NullComparison>)
        visitNull(visit, value);
    else if constexpr (std::is_same_v<Plain, PushResponse>)
        visitResponse(visit, value);
    else
        visitVerdict(visit, value);
}

Json orNull(double x) {
    if (std::isfinite(x)) return x;
    return nullptr;
}

/// Writes fields into an object.
class FieldWriter {
public:
    Json object = Json::object();
    void operator()(const char* name, double x) { object[name] = orNull(x); }
    void operator()(const char* name, int x) { object[name] = x; }
    void operator()(const char* name, std::int64_t x) { object[name] = x; }
    void operator()(const char* name, const std::string& x) { object[name] = x; }
    void operator()(const char* name, PMethod method) { object[name] = pMethodName(method); }
    void operator()(const char* name, VerdictKind kind) { object[name] = verdictName(kind); }
    template <class T>
    void operator()(const char* name, const std::vector<T>& list) {
        Json& all = object[name] = Json::array();
        for (const T& each : list) {
            FieldWriter writer;
            visitFields(writer, each);
            all.push_back(std::move(writer.object));
        }
    }
};

/// Reads them again; a field that is absent keeps its default.
class FieldReader {
public:
    explicit FieldReader(const Json& object) : m_object(object) {
        if (!object.is_object()) throw Error(ErrorCode::Format, "a verdict should be a JSON object");
    }
    void operator()(const char* name, double& x) const {
        const auto found = m_object.find(name);
        if (found != m_object.end() && found->is_null())
            x = std::numeric_limits<double>::quiet_NaN();
        else
            take(name, x, &Json::is_number);
    }
    void operator()(const char* name, int& x) const { take(name, x, &Json::is_number_integer); }
    void operator()(const char* name, std::int64_t& x) const { take(name, x, &Json::is_number_integer); }
    void operator()(const char* name, std::string& x) const { take(name, x, &Json::is_string); }
    void operator()(const char* name, PMethod& method) const {
        named(name, method,
              std::array{PMethod::None, PMethod::Empirical, PMethod::GeneralizedPareto, PMethod::StudentT,
                         PMethod::SignFlips},
              pMethodName);
    }
    void operator()(const char* name, VerdictKind& kind) const {
        named(name, kind,
              std::array{VerdictKind::Supported, VerdictKind::ExplainedByNull, VerdictKind::MostlyNull,
                         VerdictKind::Opposite, VerdictKind::RestsOnOutliers, VerdictKind::NotSeen,
                         VerdictKind::NotTested},
              verdictName);
    }
    template <class T>
    void operator()(const char* name, std::vector<T>& list) const {
        const auto found = m_object.find(name);
        if (found == m_object.end()) return;
        if (!found->is_array()) refuse(name);
        list.clear();
        for (const Json& each : *found) {
            FieldReader reader(each);
            T item{};
            visitFields(reader, item);
            list.push_back(std::move(item));
        }
    }

private:
    [[noreturn]] static void refuse(const char* name) {
        throw Error(ErrorCode::Format, fmt::format("a verdict has a field {} that cannot be read", name),
                    name);
    }
    template <class T>
    void take(const char* name, T& x, bool (Json::*is)() const noexcept) const {
        const auto found = m_object.find(name);
        if (found == m_object.end() || found->is_null()) return;
        if (!((*found).*is)()) refuse(name);
        x = found->template get<T>();
    }
    template <class E, std::size_t N, class Name>
    void named(const char* name, E& value, const std::array<E, N>& all, Name nameOf) const {
        std::string text;
        take(name, text, &Json::is_string);
        if (text.empty()) return;
        for (const E each : all)
            if (nameOf(each) == text) {
                value = each;
                return;
            }
        refuse(name);
    }

    const Json& m_object;
};

}  // namespace

std::string verdictToJson(const Verdict& verdict) {
    FieldWriter writer;
    visitVerdict(writer, verdict);
    return writer.object.dump();
}

Verdict verdictFromJson(const std::string& json) {
    const Json object = Json::parse(json, nullptr, false);
    FieldReader reader(object);
    Verdict verdict;
    visitVerdict(reader, verdict);
    const auto all = findings();
    const auto finding =
        std::find_if(all.begin(), all.end(), [&](const Finding& f) { return f.key == verdict.key; });
    if (finding == all.end() && !isOfDerivatives(verdict.key))
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("a verdict is on the finding '{}', which this version does not know", verdict.key),
            verdict.key);
    // Those on derivatives are published below zero.
    verdict.direction = finding != all.end() ? finding->direction : -1;
    const bool needsNull = verdict.direction == 0 || verdict.verdict == VerdictKind::MostlyNull;
    if (verdict.verdict != VerdictKind::NotTested && needsNull && verdict.nulls.empty())
        throw Error(ErrorCode::Format, fmt::format("the verdict on {} names no null", verdict.key), "nulls");
    return verdict;
}

std::vector<Verdict> readVerdicts(const Hdf5File& file, const std::string& dataset) {
    std::vector<Verdict> verdicts;
    for (const auto& json : file.readStrings(dataset)) try {
            verdicts.push_back(verdictFromJson(json));
        } catch (const Error& error) {
            const std::string path = file.path().string();
            throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", path, dataset, error.what()), path);
        }
    return verdicts;
}

}  // namespace rheo
