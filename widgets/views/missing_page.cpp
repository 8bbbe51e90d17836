#include "widgets/views/missing_page.h"

#include <QApplication>
#include <QClipboard>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "core/session/opened_results.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {

constexpr int textWidth = 560, leastWidth = 200, margin = 24;

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

QLabel* line(bool selectable) {
    auto* label = new QLabel;
    label->setWordWrap(true);
    if (selectable) label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    return label;
}

/// Results are added to in the way they were made: of the same rows and points.
QStringList sameRowsAndPoints(const DocumentState& state) {
    const ResultsSource& source = state.results->results.source;
    QStringList words;
    if (!source.selection.empty()) words << "--select" << QString::fromStdString(source.selection);
    const auto& points = source.info.points;
    if (state.trace && !points.empty() && points != state.trace->info().points)
        words << "--points"
              << QString::fromStdString(pointName(points.front()) + ":" + pointName(points.back()));
    return words;
}

}  // namespace

QString analyzeCommand(const FigureView& figure, const DocumentState& state, AnalysisChoice choice) {
    const std::string known = traceFileOf(state);
    QStringList words{"rheo", "analyze",
                      known.empty() ? QStringLiteral("trace.rheo.h5") : QString::fromStdString(known)};
    choice.statistics = {std::string(figure.statistic)};
    for (const auto& word : wordsOf(choice, {"--model", "MODEL"})) words << QString::fromStdString(word);
    const bool asMade = choice.select.empty() && choice.points == AnalysisChoice().points;
    if (asMade && state.results && !state.results->path.empty())
        words << sameRowsAndPoints(state) << "--add"
              << "--out" << QString::fromStdString(state.results->path.string());
    else
        words << "--out"
              << "results.h5";
    return shellLine(words);
}

MissingPage::MissingPage(const FigureView& figure, Analyses& analyses)
    : m_figure(figure),
      m_analyses(analyses),
      m_text(line(false)),
      m_cost(line(false)),
      m_before(line(false)),
      m_commandText(line(true)),
      m_after(line(false)),
      m_compute(new QPushButton(tr("&Compute"))),
      m_options(new QPushButton(tr("O&ptions…"))),
      m_copy(new QPushButton(tr("&Copy the command"))) {
    m_commandText->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_commandText->setAccessibleName(tr("Command that computes it"));
    m_compute->setMinimumSize(160, 34);
    m_options->setMinimumHeight(34);
    m_options->setToolTip(tr("Choose rows, points, scaling, nulls and options"));
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_compute);
    buttons->addWidget(m_options);
    buttons->addStretch();
    auto* layout = new QVBoxLayout;
    layout->addStretch(2);
    layout->addWidget(m_text);
    layout->addSpacing(6);
    layout->addLayout(buttons);
    layout->addWidget(m_cost);
    layout->addSpacing(14);
    for (QLabel* label : {m_before, m_commandText}) layout->addWidget(label);
    layout->addWidget(m_copy, 0, Qt::AlignLeft);
    layout->addWidget(m_after);
    layout->addStretch(3);
    auto* middle = new QHBoxLayout(this);
    middle->setContentsMargins(margin, margin, margin, margin);
    middle->addStretch(1);
    middle->addLayout(layout, 100);
    middle->addStretch(1);
    connect(m_compute, &QPushButton::clicked, this, &MissingPage::press);
    connect(m_options, &QPushButton::clicked, this, &MissingPage::optionsRequested);
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_command); });
}

void MissingPage::explain(const DocumentState& state, const QString& trouble) {
    const QString statistic = text(m_figure.statistic);
    if (!trouble.isEmpty())
        m_reason = trouble;
    else if (state.results && !state.results->path.empty())
        m_reason = tr("%1 does not contain it.").arg(Analyses::nameOf(*state.results));
    else if (state.rows() > 0)
        m_reason = tr("It was not computed yet.");
    else
        m_reason = tr("No open results contain it.");
    const bool named = !traceFileOf(state).empty();
    m_command = analyzeCommand(m_figure, state, m_analyses.choiceOf(statistic));
    QString needs = tr("It needs the statistic <b>%1</b>").arg(statistic);
    needs += m_figure.needsModel ? tr(", computed with the model that made the trace.") : QStringLiteral(".");
    m_text->setText(QStringLiteral("<h3>%1</h3><p>%2</p><p>%3 %4</p>")
                        .arg(text(m_figure.title).toHtmlEscaped(), text(m_figure.shows).toHtmlEscaped(),
                             m_reason.toHtmlEscaped(), needs));
    m_before->setText(state.rows() > 0 ? tr("The same on the command line:")
                      : named          ? tr("This command computes it:")
                                       : tr("This command computes it from a trace file:"));
    m_commandText->setText(m_command);
    m_after->setText(tr("Then open the results (Ctrl+O), or drop the file on the window."));
    m_after->setVisible(state.rows() == 0);
    offer(state);
    fit();
}

/// Text that is wrapped gets the height it takes.
void MissingPage::fit() {
    const int wide = std::clamp(width() - 2 * margin, leastWidth, textWidth);
    for (QLabel* label : {m_text, m_cost, m_before, m_commandText, m_after}) {
        label->setFixedWidth(wide);
        label->setFixedHeight(std::max(0, label->heightForWidth(wide)));
    }
    layout()->invalidate();
    layout()->activate();
    m_height = layout()->minimumSize().height();
}

QSize MissingPage::sizeHint() const {
    return {textWidth + 2 * margin, m_height};
}

QSize MissingPage::minimumSizeHint() const {
    return {leastWidth + 2 * margin, m_height};
}

void MissingPage::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    fit();
}

/// What the button does now, and what that costs.
void MissingPage::offer(const DocumentState& state) {
    const QString statistic = text(m_figure.statistic);
    const bool rows = state.rows() > 0;
    m_compute->setVisible(rows);
    m_options->setVisible(rows);
    m_cost->setVisible(rows);
    if (!rows) return;
    const ResultState now = m_analyses.stateOf(statistic);
    const bool busy = now.analysis != 0;
    m_compute->setText(busy                                  ? tr("&Cancel")
                       : now.status == ResultStatus::Stopped ? tr("&Continue")
                                                             : tr("&Compute"));
    const AnalysisChoice choice = m_analyses.choiceOf(statistic);
    const auto problems = m_analyses.problemsOf(choice);
    m_compute->setEnabled(busy || problems.empty());
    if (!now.line.isEmpty())
        m_cost->setText(now.line + '.');
    else if (!problems.empty())
        m_cost->setText(
            tr("It cannot be computed now: %1.").arg(QString::fromStdString(problems.front().message)));
    else
        m_cost->setText(tr("Of %1: %2.")
                            .arg(Analyses::choiceText(choice, state.rows()),
                                 Analyses::costText(m_analyses.costOf(choice))));
}

void MissingPage::press() {
    const QString statistic = text(m_figure.statistic);
    const ResultState now = m_analyses.stateOf(statistic);
    if (now.analysis != 0)
        m_analyses.cancel(now.analysis);
    else if (now.status == ResultStatus::Stopped)
        m_analyses.computeAgain(statistic);
    else
        m_analyses.compute(statistic);
}

}  // namespace rheo
