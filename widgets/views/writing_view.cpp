#include "widgets/views/writing_view.h"

#include <fmt/format.h>

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QScrollBar>
#include <QSpinBox>
#include <QTextBrowser>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <mutex>

#include "core/base/error.h"
#include "core/dynamics/intervene.h"
#include "core/session/recipe_figure.h"
#include "widgets/paint/readable_text.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

/// The tokens that were written so far: the model's thread appends, the window's looks.
struct WritingView::Stream {
    std::mutex mutex;
    std::vector<std::int32_t> natural, intervened;
};

namespace {

constexpr int tick = 50;  // milliseconds between two looks at the texts that grow

struct Asked {
    std::shared_ptr<const LoadedModel> loaded;
    Sample sample;
    InterveneRequest request;
    std::vector<double> strengths;  ///< of a sweep; empty: none
    std::string followed;           ///< the token that the sweep follows
};

std::string decoded(const LoadedModel& loaded, const std::vector<std::int32_t>& ids) {
    return loaded.tokenizer ? loaded.tokenizer->decode(ids) : std::string();
}

IntervenedFile write(const Asked& asked, Progress& progress) {
    const Model& model = *asked.loaded->model;
    IntervenedFile file;
    Progress writing = progress.part(0, asked.strengths.empty() ? 1 : 0.5);
    file.result = intervene(model, asked.request, writing);
    file.points = model.points();
    file.model = model.identity();
    file.text = asked.sample.text;
    file.ids = asked.request.ids;
    file.intervention = asked.request.intervention;
    file.sampling = asked.request.sampling;
    file.naturalText = decoded(*asked.loaded, file.result.naturalIds);
    file.intervenedText = decoded(*asked.loaded, file.result.intervenedIds);
    if (asked.strengths.empty()) return file;
    if (!asked.followed.empty() && asked.loaded->tokenizer)
        if (const auto ids = asked.loaded->tokenizer->encode(asked.followed, false); !ids.empty())
            file.sweepToken = ids.front();
    Progress sweeping = progress.part(0.5, 1);
    InterveneRequest request = asked.request;
    request.onToken = {};
    file.sweep = sweepStrengths(model, request, asked.strengths, file.sweepToken, sweeping);
    return file;
}

QTextBrowser* textPane(const QString& name) {
    auto* pane = new QTextBrowser;
    pane->setAccessibleName(name);
    pane->setMinimumHeight(64);
    pane->setMaximumHeight(130);
    pane->setTabChangesFocus(true);
    return pane;
}

}  // namespace

WritingView::WritingView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Write")),
      m_count(new QSpinBox),
      m_seed(new QSpinBox),
      m_temperature(new QDoubleSpinBox),
      m_topP(new QDoubleSpinBox),
      m_sweep(new QCheckBox(tr("S&weep strengths"))),
      m_strengths(new QLineEdit(QStringLiteral("0,0.5,1,2,4,8"))),
      m_followed(new QLineEdit),
      m_natural(textPane(tr("Natural text"))),
      m_intervened(textPane(tr("Text with the edits"))),
      m_keep(new QPushButton(tr("&Make rows of the tokens"))) {
    m_count->setRange(1, 1000);
    m_count->setValue(20);
    m_count->setSuffix(tr(" tokens"));
    m_count->setAccessibleName(tr("Tokens to write"));
    m_count->setToolTip(tr("Number of tokens that are added to both texts"));
    m_temperature->setRange(0, 10);
    m_temperature->setSingleStep(0.1);
    m_temperature->setSpecialValueText(tr("likeliest"));
    m_temperature->setAccessibleName(tr("Temperature"));
    m_temperature->setToolTip(tr("0: always the likeliest token; above 0: tokens are sampled"));
    m_topP->setRange(0.01, 1);
    m_topP->setSingleStep(0.05);
    m_topP->setValue(1);
    m_topP->setAccessibleName(tr("Top-p"));
    m_topP->setToolTip(tr(
        "Nucleus sampling: draw from the smallest set of likeliest tokens with at least this probability"));
    m_seed->setRange(0, 1 << 30);
    m_seed->setAccessibleName(tr("Seed"));
    m_seed->setToolTip(tr("The same seed draws the same tokens"));
    m_sweep->setToolTip(tr("Write the text once for each strength, to see where it becomes incoherent"));
    m_strengths->setAccessibleName(tr("Strengths of the sweep"));
    m_strengths->setToolTip(tr("Factors for the strength of all edits, one after the other"));
    m_followed->setPlaceholderText(tr("token to follow"));
    m_followed->setAccessibleName(tr("Token whose probability is shown"));
    m_followed->setToolTip(tr("A next token whose probability the sweep shows, with its space: \" Paris\""));
    m_keep->setToolTip(
        tr("Adds the prompt with its natural continuation to the list; the state of each written token "
           "becomes a row"));
    auto* row = new QHBoxLayout;
    auto* second = new QHBoxLayout;
    const auto put = [row](const QString& name, QWidget* widget) {
        if (!name.isEmpty()) row->addWidget(new QLabel(name));
        row->addWidget(widget);
    };
    put({}, m_count);
    put(tr("Temperature"), m_temperature);
    put(tr("Top-p"), m_topP);
    put(tr("Seed"), m_seed);
    row->addStretch(1);
    second->addWidget(m_sweep);
    second->addWidget(m_strengths, 2);
    second->addWidget(m_followed, 1);
    second->addWidget(m_keep);
    auto* texts = new QGridLayout;
    texts->addWidget(new QLabel(tr("<b>Natural</b>")), 0, 0);
    texts->addWidget(new QLabel(tr("<b>With the edits</b>")), 0, 1);
    texts->addWidget(m_natural, 1, 0);
    texts->addWidget(m_intervened, 1, 1);
    form()->addLayout(row);
    form()->addLayout(second);
    form()->addLayout(texts);
    m_keep->setEnabled(false);
    m_tick.setInterval(tick);
    connect(&m_tick, &QTimer::timeout, this, &WritingView::showStream);
    const auto update = [this] {
        const bool draws = m_temperature->value() > 0;
        m_topP->setEnabled(draws);
        m_seed->setEnabled(draws);
        m_strengths->setEnabled(m_sweep->isChecked());
        m_followed->setEnabled(m_sweep->isChecked());
    };
    connect(m_temperature, &QDoubleSpinBox::valueChanged, this, update);
    connect(m_sweep, &QCheckBox::toggled, this, update);
    connect(m_keep, &QPushButton::clicked, this, &WritingView::keepRows);
    connect(&m_selection, &Selection::promptChanged, this, &ComputedView::refresh);
    update();
}

QString WritingView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    return m_laboratory.sample().tokenIds.empty() ? tr("Choose a prompt in the list on the left.")
                                                  : QString();
}

void WritingView::compute() {
    Asked asked;
    asked.loaded = m_workspace.model();
    asked.sample = m_laboratory.sample();
    asked.request.ids = asked.sample.tokenIds;
    asked.request.intervention = m_laboratory.intervention();
    asked.request.generate = m_count->value();
    asked.request.sampling = {m_temperature->value(), m_topP->value(),
                              static_cast<std::uint64_t>(m_seed->value())};
    if (m_sweep->isChecked()) {
        for (const QString& number : m_strengths->text().split(',', Qt::SkipEmptyParts)) {
            bool ok = false;
            asked.strengths.push_back(number.trimmed().toDouble(&ok));
            if (!ok)
                return m_workspace.fail(title(),
                                        {ErrorCode::InvalidArgument,
                                         tr("“%1” is not a number for the sweep.").arg(number.trimmed()),
                                         {}});
        }
        asked.followed = m_followed->text().toStdString();
    }
    m_stream = std::make_shared<Stream>();
    m_model = asked.loaded;
    m_written = nullptr;
    m_laboratory.setWritten(nullptr);
    m_keep->setEnabled(false);
    showTexts({}, {});
    asked.request.onToken = [stream = m_stream](bool intervened, std::int32_t id) {
        const std::lock_guard lock(stream->mutex);
        (intervened ? stream->intervened : stream->natural).push_back(id);
    };
    m_asked.clear();
    m_asked << "rheo"
            << "intervene";
    for (const std::string& word : modelWordsOf(*asked.loaded)) m_asked << QString::fromStdString(word);
    QStringList ids;
    for (const auto id : asked.request.ids) ids << QString::number(id);
    m_asked << "--ids" << ids.join(',') << "--edits"
            << "edits.json"
            << "--generate" << QString::number(asked.request.generate);
    if (m_temperature->value() > 0)
        m_asked << "--temperature" << QString::number(m_temperature->value()) << "--top-p"
                << QString::number(m_topP->value()) << "--seed" << QString::number(m_seed->value());
    if (!asked.strengths.empty()) m_asked << "--sweep" << m_strengths->text().remove(' ');
    if (!asked.followed.empty()) m_asked << "--answer" << QString::fromStdString(asked.followed);
    m_asked << "--out"
            << "written.h5";
    m_tick.start();
    start(
        tr("Write with the edits"),
        [asked](Progress& progress) {
            return std::make_shared<const IntervenedFile>(write(asked, progress));
        },
        [this](std::shared_ptr<const IntervenedFile> made) {
            m_written = std::move(made);
            showTexts(m_written->result.naturalIds, m_written->result.intervenedIds);
            m_laboratory.setWritten(std::shared_ptr<const InterveneResult>(m_written, &m_written->result));
            m_keep->setEnabled(true);
        });
}

void WritingView::forget() {
    m_written = nullptr;
    m_stream = nullptr;
    m_model = nullptr;
    m_natural->clear();
    m_intervened->clear();
    m_keep->setEnabled(false);
}

void WritingView::showStream() {
    if (!isRunning()) m_tick.stop();
    if (!m_stream || m_written) return;
    std::vector<std::int32_t> natural, intervened;
    {
        const std::lock_guard lock(m_stream->mutex);
        natural = m_stream->natural;
        intervened = m_stream->intervened;
    }
    showTexts(natural, intervened);
}

/// The prompt in grey, what was written in black; bold from where the texts differ.
void WritingView::showTexts(const std::vector<std::int32_t>& natural,
                            const std::vector<std::int32_t>& intervened) {
    const Sample sample = m_laboratory.sample();
    const auto html = [this](const std::string& text) {
        return readable(QString::fromStdString(text), m_natural->font())
            .toHtmlEscaped()
            .replace('\n', QStringLiteral("<br>"));
    };
    const auto same = std::mismatch(natural.begin(), natural.end(), intervened.begin(), intervened.end());
    const auto show = [&](QTextBrowser* pane, const std::vector<std::int32_t>& ids, std::ptrdiff_t alike) {
        if (!m_model) return;
        const std::vector<std::int32_t> first(ids.begin(), ids.begin() + alike),
            rest(ids.begin() + alike, ids.end());
        const std::string a = decoded(*m_model, first), all = decoded(*m_model, ids);
        const std::string b = all.starts_with(a) ? all.substr(a.size()) : decoded(*m_model, rest);
        const QString color = palette().color(QPalette::PlaceholderText).name();
        pane->setHtml(QStringLiteral("<span style='color:%1'>%2</span>%3<b>%4</b>")
                          .arg(color, html(sample.text), html(a), html(b)));
        pane->verticalScrollBar()->setValue(pane->verticalScrollBar()->maximum());
    };
    const bool both = !natural.empty() && !intervened.empty();
    show(m_natural, natural,
         both ? same.first - natural.begin() : static_cast<std::ptrdiff_t>(natural.size()));
    show(m_intervened, intervened,
         both ? same.second - intervened.begin() : static_cast<std::ptrdiff_t>(intervened.size()));
}

/// States of the natural continuation are those of any capture; with edits they are not, and stay here.
void WritingView::keepRows() {
    if (!m_written) return;
    Sample sample;
    sample.text = m_written->text + m_written->naturalText;
    sample.tokenIds = m_written->ids;
    sample.tokenIds.insert(sample.tokenIds.end(), m_written->result.naturalIds.begin(),
                           m_written->result.naturalIds.end());
    std::vector<std::int32_t> positions;
    for (std::size_t t = m_written->ids.size(); t < sample.tokenIds.size(); ++t)
        positions.push_back(static_cast<std::int32_t>(t));
    m_workspace.prompts().addTokens(std::move(sample), std::move(positions));
    m_keep->setEnabled(false);
}

std::vector<std::pair<std::string, std::string>> WritingView::moreOptions() const {
    if (!m_written || m_written->sweepToken < 0) return {};
    QString followed = m_followed->text();
    followed.replace('\\', "\\\\").replace('"', "\\\"");
    return {{"followed", QString("\"%1\"").arg(followed).toStdString()}};
}

std::shared_ptr<const Figure> WritingView::makeFigure(const Recipe& recipe) const {
    return m_written ? std::make_shared<const Figure>(figureOfWriting(*m_written, recipe)) : nullptr;
}

std::optional<OwnFile> WritingView::ownFile() const {
    if (!m_written) return std::nullopt;
    return OwnFile{"writing", QStringLiteral(".writing.h5"),
                   [made = m_written](const std::filesystem::path& file, IfExists ifExists) {
                       writeIntervenedFile(file, *made, ifExists);
                   }};
}

QString WritingView::command() const {
    if (!m_written) return {};
    return shellLine(m_asked) + QStringLiteral(" && rheo figure written.h5 --view writing --out writing.svg");
}

}  // namespace rheo
