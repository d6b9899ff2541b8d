# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = 'rredis'
  gem.version = '8.0.0'
  gem.summary = 'A Redis and Valkey client on librredis'
  gem.authors = ['The authors of librredis']
  gem.license = 'MIT'
  gem.required_ruby_version = '>= 3.1'
  gem.extensions = ['ext/rredis/extconf.rb']
  gem.files = Dir['lib/**/*.rb', 'ext/**/*.{rb,c}', 'README.md', 'example.rb', 'hello.rb']
end
