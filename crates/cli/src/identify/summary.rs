use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use tauscope_fit::identify::{Advice, Identification, Profile, UnitJudgement};

/// What `identify --json` says.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub identification: String,
    pub result: String,
    pub units: Vec<Value>,
    pub sloppiest: Vec<Value>,
    pub null_directions: Vec<Value>,
    pub decay_times: Vec<Value>,
    pub profiles: Vec<Value>,
    pub advice: Option<Value>,
    pub equivalences: Vec<String>,
    pub basis: &'static str,
    pub judged_at: String,
    pub moves: Vec<String>,
    pub output_noise: Option<Vec<f64>>,
    pub time_units: String,
    pub interrupted: bool,
    pub seconds: f64,
    pub warnings: Vec<String>,
}

impl Summary {
    pub fn new(
        found: &Identification,
        path: &Path,
        result: &Path,
        time_units: &str,
        seconds: f64,
    ) -> Summary {
        let sloppiest = found.sloppiest.iter().map(|c| {
            let weights = c.weights.iter().map(|(name, weight)| json!({ "parameter": name, "weight": weight }));
            json!({ "eigenvalue": c.eigenvalue, "words": c.words(), "weights": weights.collect::<Vec<_>>() })
        });
        let null = found.null_directions.iter().map(
            |n| json!({ "name": n.name, "touches_time_constants": n.touches_time_constants() }),
        );
        let modes = found
            .decay_times
            .iter()
            .map(|m| json!({ "time": m.time, "period": m.period }));
        Summary {
            identification: path.display().to_string(),
            result: result.display().to_string(),
            units: found.units.iter().map(unit).collect(),
            sloppiest: sloppiest.collect(),
            null_directions: null.collect(),
            decay_times: modes.collect(),
            profiles: found.profiles.iter().map(profile).collect(),
            advice: found.advice.as_ref().map(advice),
            equivalences: found.equivalences.clone(),
            basis: found.basis.name(),
            judged_at: found.judged_at(),
            moves: found.moves.clone(),
            output_noise: found.noise_by_output.clone(),
            time_units: time_units.to_owned(),
            interrupted: found.interrupted,
            seconds,
            warnings: found.warnings.clone(),
        }
    }
}

fn unit(unit: &UnitJudgement) -> Value {
    let tau = |estimate: Option<tauscope_fit::identify::Estimate>| {
        estimate.map(|e| json!({ "estimate": e.value, "log_standard_error": e.log_error, "interval": e.interval }))
    };
    let twin = unit.twin.as_ref().map(|twin| {
        json!({
            "difference_as_swapped": twin.difference_as_swapped,
            "difference_refitted": twin.difference_refitted,
            "converged": twin.converged,
            "tau_s": twin.tau_s,
            "tau_r": twin.tau_r,
        })
    });
    json!({
        "unit": unit.unit,
        "pair": unit.pair,
        "intervals": unit.pair_intervals,
        "open": unit.pair_intervals.as_ref().map(|all| all.iter().map(open).collect::<Vec<_>>()),
        "order_probability": unit.order_probability,
        "verdict": unit.verdict.name(),
        "is_reversed": unit.is_reversed,
        "reason": unit.reason,
        "interval_source": unit.source.name(),
        "tau_s": tau(unit.tau_s),
        "tau_r": tau(unit.tau_r),
        "twin": twin,
    })
}

/// Whether the data do not bound it below, above; then the end is 0, or infinite, which is null.
fn open(&[low, high]: &[f64; 2]) -> [bool; 2] {
    [low == 0.0, high.is_infinite()]
}

fn advice(advice: &Advice) -> Value {
    let concerns = advice.concerns.iter().map(|concern| {
        json!({ "what": concern.what, "is_order": concern.is_order, "information": concern.now })
    });
    let inputs = advice.tried.iter().enumerate().map(|(at, tried)| {
        json!({
            "words": tried.words,
            "shape": tried.shape,
            "factor": tried.factor,
            "information": tried.then,
            "gain": advice.gains(at),
        })
    });
    json!({
        "concerns": concerns.collect::<Vec<_>>(),
        "inputs": inputs.collect::<Vec<_>>(),
        "best": advice.best,
    })
}

fn profile(profile: &Profile) -> Value {
    let points = profile
        .points
        .iter()
        .map(|p| json!({ "tau": p.tau, "chi2": p.chi2, "is_twin": p.is_twin }));
    json!({ "name": profile.name, "intervals": profile.intervals, "reason": profile.reason, "points": points.collect::<Vec<_>>() })
}
