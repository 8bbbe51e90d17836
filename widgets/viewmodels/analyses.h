#pragma once

#include <QHash>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>
#include <deque>
#include <memory>
#include <optional>

#include "core/session/opened_results.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

class Workspace;

/// An analysis that waits or runs.
struct QueuedAnalysis {
    qint64 id = 0;  ///< counted from 1
    AnalysisChoice choice;
    QString title;  ///< "Motion, Correlation"
    bool running = false;
};

/// How it stands with the result of a statistic.
enum class ResultStatus {
    Missing,  ///< not computed
    Waiting,  ///< in the queue
    Running,
    Done,
    Stopped,  ///< half-way: it can be continued
    Stale,    ///< rows came or went since
};
struct ResultState {
    ResultStatus status = ResultStatus::Missing;
    QString line;         ///< a sentence for a person
    qint64 analysis = 0;  ///< that waits or runs; 0: none
};

/// The analyses of the window: takes what is asked for, computes it off the window's thread as `rheo analyze`
/// does (runAnalysis), one at a time, and makes the outcome part of the document (undoable). What the
/// document's results hold already, made in the same way, is not computed again. An analysis that is
/// cancelled keeps what was finished, and can be continued.
///
/// Refusals and failures are sent by Workspace::failed(), remarks by Workspace::noted(). Another document
/// stops everything.
class Analyses : public QObject {
    Q_OBJECT
public:
    explicit Analyses(Workspace& workspace, QObject* parent = nullptr);
    ~Analyses() override;

    /// Adds an analysis to the queue. Returns its id, or 0 where it is refused.
    qint64 run(const AnalysisChoice& choice);
    /// Computes a statistic with the options of the form.
    qint64 compute(const QString& statistic);
    /// The same as it was asked for when it was stopped, or before its rows changed; as compute() where that
    /// is not known.
    qint64 computeAgain(const QString& statistic);
    /// Takes an analysis out of the queue; one that runs keeps what is finished.
    void cancel(qint64 id);

    /// The one that runs, then those that wait in their order.
    QList<QueuedAnalysis> queue() const;
    /// `ofRows`: of the PCA that is fitted to the rows that are open, beside any results.
    ResultState stateOf(const QString& statistic, bool ofRows = false) const;

    /// What the form asks for; remembered between sessions.
    const AnalysisChoice& choice() const { return m_choice; }
    void setChoice(const AnalysisChoice& choice);
    /// What an analysis may hold beside its results, from now on.
    void setMemory(std::size_t bytes) { m_memoryBytes = bytes; }
    /// What the form asks for, of this statistic alone.
    AnalysisChoice choiceOf(const QString& statistic) const;

    /// Whether there is something to compute from.
    bool hasRows() const;
    std::vector<ChoiceProblem> problemsOf(const AnalysisChoice& choice) const;
    /// None where there are no rows or the choice has a problem.
    std::optional<AnalysisCost> costOf(const AnalysisChoice& choice) const;
    /// "about 20 s, reads 1.2 GiB, holds 300 MiB"; empty without a cost.
    static QString costText(const std::optional<AnalysisCost>& cost);
    /// Its time alone: "about 20 s".
    static QString timeText(const std::optional<AnalysisCost>& cost);
    /// "30 rows, rms, beside sign_flip (200)": what a choice is about, its statistics left out.
    static QString choiceText(const AnalysisChoice& choice, std::int64_t rows);
    /// "all.h5", or "results computed here".
    static QString nameOf(const OpenedResults& opened);
    /// Titles of statistics, for a person: "Motion, Correlation and 3 more".
    static QString titleOf(const AnalysisChoice& choice);

Q_SIGNALS:
    /// An analysis came, started, ended, or said how far it is.
    void changed();
    /// The queue holds others than before.
    void queueChanged();
    void choiceChanged();

private:
    AnalysisChoice limited(AnalysisChoice choice) const;
    struct Made;

    void startNext();
    void finished(qint64 id, Outcome<Made> outcome);
    void use(const QueuedAnalysis& item, Made made);
    void clear();
    TokenText tokenTexts() const;
    QString progressText() const;
    QString describe(const HeldResults& held, const QString& statistic) const;

    Workspace& m_workspace;
    std::deque<QueuedAnalysis> m_queue;  ///< the first one runs
    JobId m_job;
    std::optional<JobInfo> m_progress;
    qint64 m_nextId = 1;
    AnalysisChoice m_choice;
    std::size_t m_memoryBytes = AnalysisChoice().memoryBytes;
    Rates m_rates;
    QHash<QString, QString> m_undefined;  ///< why a statistic could not be computed of these rows
};

}  // namespace rheo
