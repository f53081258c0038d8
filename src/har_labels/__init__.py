"""har-labels changes the labels of artifacts in a Harness Artifact Registry, as one CI step. The map of the code:

    environment → platform → settings → entries → plan → outcomes → report → outputs, summary, exit code
                 which CI?   checked    asked    values   HTTP      values   each CI's own files

The process and one run
    __main__        what has to stand before the first heavy import
    main            the order of events on one page; the only place where an exception ends
    linting         checking manifests, policies and plans, without a run
    run             from checked settings to a result: plan, check, write or show
    gates           what a plan may not be: too many changes, harmful, too slow
    ledger          what is known of a run at any moment, so that a cancelled one still reports
    record          who ran what, when and from where
    progress        showing that a long run is alive
What is asked
    requested           what the inputs ask for, as entries to plan
    manifest            from a manifest to entries, and everything that is wrong with it
    manifest.entry      one entry with the defaults behind it, and what contradicts what there
    manifest.file       a manifest checked key by key, every problem with its line and column
    manifest.keys       the keys of a manifest, once
    manifest.documents  YAML or JSON text to values with their places
    manifest.positions  values that know their line and column
    policyfile          a policy checked key by key, its rules with their places
What was given
    configuration   from environment and command line to settings and key, all problems at once
    contradictions  what contradicts what among the inputs
    spelling        fixed texts in the spelling of the CI that is told
    settings        every input once: name, type, default, description
    inputs          where each input's text comes from and how its reader spells it
    names           what an input is called
    flags           the terminal's flags, made from the same inputs
Planning and writing
    planner         one task an artifact, by as few reads as it takes
    selecting       what `where` says of artifacts as they are read
    replay          a plan file, or what takes a run back, planned again
    planfile        a plan as JSON lines
    reportfile      the report of a run as the steps that take back what it wrote
    apply           writing so that nobody's label is lost: retry the change, never the request
    moving          one label from holder to holder
    watching        looking again: is our change there, was it undone, has a later writer spoken?
    renewal         renewing reads that have grown old, a page at a time
    doubts          what is told of a write that nothing has confirmed
    proving         whether a server keeps the type of a Hugging Face artifact
    parallel        one round of work in a few threads, cut short against a server that is down
    rollback        undoing what a run wrote, and only that
    task            one artifact on its way through a run
    reading         finding artifacts and their labels with few requests
    baselines       the artifacts that `require` compares with
The registry, and time
    registry        one method a call
    answers         what an answer means: final, doubt, or to be believed
    transport       one HTTP request, held to its bounds
    connections     connections that another thread can cut
    certificates    whose certificates count; with transport and connections the only user of requests
    tracing         a line of the log for each request, where that is wanted
    timing          clock, deadline, cancel, pace, back-off
The CIs
    publishing            telling a result everywhere it belongs, once and at the end
    platforms             which CI this is, and what each must offer
    platforms.github      workflow commands, outputs, summary; the only user of actions_toolkit
    platforms.harness     output variables, annotation, error metadata
    platforms.terminal    plain text on two streams
    platforms.console     the log of all three, on which nothing but harmless text arrives
    platforms.ci_facts    what each CI tells about its run: the `ci` of templates
    platforms.dotenv      output lines that every one of Harness's readers takes alike
    platforms.mounts      paths that mean something else outside of GitHub's container
    platforms.categories  Harness's words for our failures
    platforms.annotation  the annotation that Harness shows beside a step
    platforms.files       writing the files that a CI gives; what can't be written is told, never raised
Files
    files           what inputs name: read with a limit, written whole or not at all
    metrics             metrics files, as the mapping that templates call `metrics`
    metrics.sources     an item of the input to the file it means: path, glob, name
    metrics.kinds       one file's content, by the ending of its name
    metrics.documents   JSON: one document, a list of them, or one a line
    metrics.rows        tables and logs as rows
    metrics.texts       what a text stands for: NaN, what Python printed
    metrics.foreign     what a file is that can't be read as metrics
What is meant (values to values, from here on)
    entries         what is asked of which artifacts, and this run's share of them
    patterns        the items of `artifact`, some of which take others off
    checks          what each kind of input may hold, and the words for what it may not
    flaws           what an item of a list can't be meant as, and what it may be meant otherwise
    maps            labels given as one map, to items
    yaml12          YAML 1.2 text to plain data
    recipe          what one entry asks for, before it is known of which artifact
    policy          a team's vocabulary of labels, and what a change breaks of it
    rules           label templates and `require`
    facts           what a list's row tells besides the labels, as values
    rendering       from items to labels or patterns, one by one
    language              the language of templates and `require`
    language.expressions  Jinja2's grammar, held to an allow-list
    language.syntax       source to syntax tree; the only user of jinja2
    language.evaluation   how the pieces of an expression are evaluated
    language.comparison   how two values are compared: like with like
    language.scope        what an expression can see, and all it can see
    language.filters      the table of the filters
    language.numbers      filters of numbers
    language.formats      the filter `format`
    language.texts        filters of texts
    language.dates        filters of times
    language.sequences    filters of lists, and the tests
    language.keys         keys that no name can be, and where one was meant
    language.values       values in an expression, and how large they may get
    language.unreadable   a value of a file that is an error where it is read
What is told
    summary         the Markdown of the job summary, and the diff in the log
    pictures        many artifacts in a small table of the summary
    vocabulary      labels counted over many artifacts
    report          counts, status, exit code, outputs and the JSON report
    upserts         what an `upsert` does that its writer may not have meant
    display         somebody else's text, so that it has no effect
What passes between them
    plan            steps and outcomes
    goal            what counts as done, and what a look at the registry means
    labels          labels and label arithmetic
    lists           one input's text to items
    address         names to request paths; refuses what can't be sent safely
    errors          every way a run can fail, with its exit code

CONTRIBUTING.md draws who may import whom; tests/docs keeps both true.
"""

__version__ = "0.1.0"
