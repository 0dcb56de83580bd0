use super::value::{Form, Setting, ValueError};
use std::path::Path;
use toml::Value;

/// Reads one of the named values `all`.
fn parse_word<T: Copy>(
    value: &Value,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, ValueError> {
    let words = || all.iter().map(|one| name(*one)).collect::<Vec<_>>();
    let Some(text) = value.as_str() else {
        return Err(ValueError::Kind {
            expected: format!("one of {}", words().join(", ")),
            got: value.to_string(),
        });
    };
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| ValueError::Word {
        got: text.to_owned(),
        words: words(),
    })
}

/// A closed set with `ALL` and `name` as a setting: its words are the names.
macro_rules! setting_by_name {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const FORM: Form = Form::Text;

            fn expected() -> String {
                format!("one of {}", Self::words().join(", "))
            }

            fn words() -> Vec<&'static str> {
                Self::ALL.iter().map(|one| one.name()).collect()
            }

            fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
                parse_word(value, &Self::ALL, Self::name)
            }

            fn to_value(&self) -> Value {
                Value::String(self.name().to_owned())
            }
        }
    )+};
}

/// A closed set of words: the enum, `ALL` and `name`.
macro_rules! words {
    ($(#[$doc:meta])+ $name:ident [$count:literal] { $($(#[$variant_doc:meta])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])+ $variant,)+
        }

        impl $name {
            /// All values, in the order of the documentation.
            pub const ALL: [$name; $count] = [$($name::$variant),+];

            /// The word used on the command line and in files.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        setting_by_name!($name);
    };
}

setting_by_name!(tauscope_dynamics::Activation, tauscope_dynamics::ModelKind);

words! {
    /// How units become outputs.
    ReadoutChoice[4] {
        /// Direct or scaled where the units suffice and the targets' range allows, else linear.
        Auto = "auto",
        /// `z_p = r_p`
        Direct = "direct",
        /// `z_p = c_p r_p + d_p`
        Scaled = "scaled",
        /// `z = C r + d`
        Linear = "linear",
    }
}

words! {
    /// Where a trial starts.
    InitialStateChoice[4] {
        /// One state for all trials, fitted.
        Learned = "learned",
        /// Equilibrium at the first input sample.
        Steady = "steady",
        /// `I = r = 0`
        Zero = "zero",
        /// The states in the dataset.
        Given = "given",
    }
}

words! {
    /// What a learned initial state does with the rate.
    OwnRate[2] {
        /// `r0 = f(I0)`
        Tied = "tied",
        /// `r0` is fitted on its own.
        Free = "free",
    }
}

words! {
    /// The distribution of the observations about the prediction.
    ObservationChoice[2] {
        /// Normal, with the known noise of the dataset or of one size for all.
        Gaussian = "gaussian",
        /// Spike counts, Poisson about the integral of the rate over the bin.
        Poisson = "poisson",
    }
}

words! {
    /// From an output to a firing rate.
    LinkChoice[2] {
        /// `log(1 + exp z)`
        Softplus = "softplus",
        /// `exp z`
        Exp = "exp",
    }
}

words! {
    /// The optimizer, or the rule that chooses it.
    OptimizerChoice[4] {
        /// By a fixed rule from the problem's size.
        Auto = "auto",
        /// Gauss-Newton with Levenberg-Marquardt damping.
        GaussNewton = "gauss-newton",
        /// Limited-memory BFGS.
        Lbfgs = "lbfgs",
        /// Adam.
        Adam = "adam",
    }
}

words! {
    /// Which cost chooses among the starts.
    SelectBy[3] {
        /// The validation cost where there are validation trials, else the train cost.
        Auto = "auto",
        /// The validation cost.
        Valid = "valid",
        /// The train cost.
        Train = "train",
    }
}
