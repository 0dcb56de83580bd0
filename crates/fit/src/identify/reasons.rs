//! Why a time constant has no interval.

use super::information::PART_IN_NULL;
use super::request::Basis;
use super::spectrum::NullDirection;
use super::verdict::{Evidence, TauGroup};
use crate::optimizer::Objective;
use tauscope_dynamics::Activation;

impl Evidence<'_> {
    /// Why nothing that counts from a minimum or from the noise can be told: no errors, no probabilities, no profiles.
    pub(super) fn nothing_counts(&self) -> Option<String> {
        match self.basis {
            Basis::Given | Basis::Refitted => {}
            Basis::Unconverged => return Some("no interval: the refit without penalty did not converge, and intervals belong to its minimum".to_owned()),
            Basis::Interrupted => return Some("no interval: the refit without penalty was interrupted, and intervals belong to its minimum".to_owned()),
        }
        self.judge.noise.is_exhausted.then(|| {
            "no interval: there are as many parameters as observed targets, so that the residuals do not show the noise; fit fewer parameters, or give target_std".to_owned()
        })
    }

    /// Why no interval of any unit can be trusted.
    pub(super) fn refusal(&self) -> Option<String> {
        self.nothing_counts().or_else(|| {
            (self.judge.plan.layout.activation == Activation::Relu)
                .then(|| "no interval: relu bends at one point only, so that curvature at the minimum does not tell how far the cost stays low".to_owned())
        })
    }

    /// Why the constants of a group are not determined at all.
    pub(super) fn not_identifiable(&self, group: &TauGroup) -> Option<String> {
        let constants = || [(group.s, "tau_s"), (group.r, "tau_r")].into_iter();
        let alone = constants().find_map(|(p, name)| self.without_information(p?, name));
        if alone.is_some() {
            return alone;
        }
        let moves = |null: &&NullDirection| {
            constants().any(|(p, _)| p.is_some_and(|p| null.taus.contains(&p)))
        };
        if let Some(null) = self
            .null
            .iter()
            .find(|null| !null.is_exchange && moves(null))
        {
            return Some(null.name.clone());
        }
        if self
            .null
            .iter()
            .any(|null| null.is_exchange && moves(&null))
        {
            return None;
        }
        constants().find_map(|(p, name)| {
            let row = self.information.row(p?)?;
            (self.information.part_in_null(row) > PART_IN_NULL)
                .then(|| format!("the Fisher information is singular along {name}"))
        })
    }

    /// On a bound, or without effect.
    fn without_information(&self, p: usize, name: &str) -> Option<String> {
        let Some(row) = self.information.row(p) else {
            let is_lower = self.theta[p] <= self.judge.objective.bounds().lower()[p];
            return Some(format!(
                "{name} lies on its {} bound ({:.4}): it is a limit, not a value",
                if is_lower { "lower" } else { "upper" },
                self.theta[p].exp()
            ));
        };
        (self.information.scale[row] == 0.0).then(|| match self.information.acts[row] {
            false => format!("no prediction depends on {name}"),
            true => format!("the readout undoes what {name} does"),
        })
    }
}
